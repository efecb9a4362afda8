using System.Threading.Channels;

namespace Streams.Hosting.Runtime.Actors;

/// <summary>Actors on <see cref="Channel"/>: each is a loop on the thread pool that sleeps while its mailbox is empty.</summary>
internal sealed class ChannelActorSystem(TaskScheduler? scheduler = null) : IActorSystem
{
    public IActorRef<TMessage> Spawn<TMessage>(string name, Actor<TMessage> actor, Action<Exception> onFailure)
    {
        var running = new RunningActor<TMessage>(name, actor, onFailure);
        running.Start(scheduler ?? TaskScheduler.Default);
        return running;
    }

    private sealed class RunningActor<TMessage>(string name, Actor<TMessage> actor, Action<Exception> onFailure) : IActorRef<TMessage>, IDisposable
    {
        private static readonly UnboundedChannelOptions _mailbox = new() { SingleReader = true };

        // What bounds a mailbox is known to its owner: a task counts the bytes queued to it and pauses its partition.
        private readonly Channel<TMessage> _messages = Channel.CreateUnbounded<TMessage>(_mailbox);
        private readonly Channel<TMessage> _urgent = Channel.CreateUnbounded<TMessage>(_mailbox);
        private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
        private readonly CancellationTokenSource _stopping = new();
        private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string Name => name;

        public Task Stopped => _stopped.Task;

        public void Start(TaskScheduler scheduler) =>
            _ = Task.Factory.StartNew(RunAsync, CancellationToken.None, TaskCreationOptions.DenyChildAttach, scheduler).Unwrap();

        public bool Tell(TMessage message) => Put(_messages.Writer, message, wakes: true);

        public bool TellUrgently(TMessage message) => Put(_urgent.Writer, message, wakes: true);

        public bool TellLazily(TMessage message) => Put(_urgent.Writer, message, wakes: false);

        public Task StopAsync()
        {
            _stopping.Cancel();
            _wake.Writer.TryWrite(true);
            return Stopped;
        }

        /// <summary>Of a source without timers nothing needs freeing before the actor's last reference is gone.</summary>
        public void Dispose() => _stopping.Dispose();

        private bool Put(ChannelWriter<TMessage> mailbox, TMessage message, bool wakes)
        {
            if (!mailbox.TryWrite(message))
            {
                actor.Discard(message);
                return false;
            }

            if (wakes)
            {
                _wake.Writer.TryWrite(true);
            }

            return true;
        }

        private async Task RunAsync()
        {
            try
            {
                while (!_stopping.IsCancellationRequested)
                {
                    if (_urgent.Reader.TryRead(out var message) || _messages.Reader.TryRead(out message))
                    {
                        await actor.ReceiveAsync(message, _stopping.Token);
                    }
                    else
                    {
                        await _wake.Reader.ReadAsync();
                    }
                }
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                // Stopped while it waited for something.
            }
            catch (Exception e)
            {
                onFailure(e);
            }

            await EndAsync();
        }

        private async Task EndAsync()
        {
            _messages.Writer.Complete();
            _urgent.Writer.Complete();
            while (_urgent.Reader.TryRead(out var left) || _messages.Reader.TryRead(out left))
            {
                actor.Discard(left);
            }

            try
            {
                await actor.StoppedAsync();
            }
            catch (Exception e)
            {
                onFailure(e);
            }

            _stopped.SetResult();
        }
    }
}
