namespace Streams.Processors;

/// <summary>
/// The running form of a node in one task. A batch goes through a task step by step; if a record fails anywhere, the
/// effects of the whole batch are discarded and it runs again without that record, so that a record takes effect
/// everywhere or nowhere.
/// </summary>
internal abstract class Step : IDisposable
{
    /// <summary>Processes what the steps above put out for this batch.</summary>
    public abstract void Run();

    /// <summary>The batch went through: its effects belong to the change set now.</summary>
    public virtual void Accept() { }

    /// <summary>A record failed: forget this batch's effects.</summary>
    public virtual void Discard() { }

    public virtual void Dispose() { }
}

/// <summary>A step that looks at one record at a time; a record that throws fails alone.</summary>
internal abstract class RecordStep<TKey, TValue>(string name, Batch<TKey, TValue> input, BatchContext context) : Step
{
    protected BatchContext Context { get; } = context;

    public override void Run()
    {
        var records = input.Records;
        var i = 0;
        while (i < records.Length)
        {
            // The try is outside the loop: entering one per record would cost more than most operators do.
            try
            {
                for (; i < records.Length; i++)
                {
                    Process(in records[i]);
                }
            }
            catch (Exception e) when (BatchContext.IsFaultOfRecord(e))
            {
                Context.Fail(records[i].Index, name, e);
                i++;
            }
        }
    }

    protected abstract void Process(in Record<TKey, TValue> record);
}

/// <summary>A record-at-a-time step that puts out records.</summary>
internal abstract class OperatorStep<TKeyIn, TValueIn, TKeyOut, TValueOut>(
    string name, Batch<TKeyIn, TValueIn> input, BatchContext context, Batch<TKeyOut, TValueOut> output)
    : RecordStep<TKeyIn, TValueIn>(name, input, context)
{
    protected Batch<TKeyOut, TValueOut> Output { get; } = output;

    public override void Run()
    {
        Output.Clear();
        base.Run();
    }
}
