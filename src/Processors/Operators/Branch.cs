namespace Streams.Processors;

/// <summary><c>.Branch(...)</c>: splits a stream. Each record goes to the first branch whose condition holds, or to none.</summary>
public static class BranchOperator
{
    /// <summary>Splits by conditions on the value, tried in order.</summary>
    /// <returns>One stream per condition, in order.</returns>
    /// <example><code>
    /// var branches = clicks.Branch(c => c.Status >= 500, c => c.Status >= 400);
    /// branches[0].To("server-errors");
    /// branches[1].To("client-errors");
    /// </code></example>
    public static IReadOnlyList<Stream<TKey, TValue>> Branch<TKey, TValue>(this Stream<TKey, TValue> stream, params IReadOnlyList<Func<TValue, bool>> conditions)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(conditions);
        var branches = new Stream<TKey, TValue>[conditions.Count];
        for (var i = 0; i < branches.Length; i++)
        {
            var condition = conditions[i];
            Func<TValue, bool>[] earlier = [.. conditions.Take(i)];
            branches[i] = stream.Same(stream.Node.Builder.Add(new OperatorNode<TKey, TValue, TKey, TValue>(
                stream,
                "BRANCH",
                null,
                (node, input, context, output) => new FilterStep<TKey, TValue>(node, input, context, output, value => IsFirst(value, earlier, condition)),
                readsKey: false,
                keepsKey: true)));
        }

        return branches;
    }

    private static bool IsFirst<TValue>(TValue value, Func<TValue, bool>[] earlier, Func<TValue, bool> condition)
    {
        foreach (var other in earlier)
        {
            if (other(value))
            {
                return false;
            }
        }

        return condition(value);
    }
}
