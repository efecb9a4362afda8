using System.Globalization;

namespace Streams.Processors;

/// <summary>What PostgreSQL does to one column of a row that exists, value by value.</summary>
internal static class MergeRules
{
    /// <summary>The column's value after a commit brought <paramref name="incoming"/>.</summary>
    /// <exception cref="OverflowException">PostgreSQL would refuse the result as out of range, and with it the whole transaction.</exception>
    public static object? Merge(Column column, object? current, object? incoming) => column.Merge switch
    {
        MergeRule.Key => current,
        MergeRule.Replace => incoming,
        MergeRule.Add => current is null || incoming is null ? null : Add(column, current, incoming),
        MergeRule.Least => Pick(current, incoming, order => order <= 0),
        MergeRule.Greatest => Pick(current, incoming, order => order >= 0),
        _ => throw new ArgumentOutOfRangeException(nameof(column), column.Merge, "this column is not written"),
    };

    /// <summary>A computed column's value.</summary>
    public static object? Quotient(object? dividend, object? divisor)
    {
        if (dividend is null || divisor is null)
        {
            return null;
        }

        var below = Convert.ToDouble(divisor, CultureInfo.InvariantCulture);
        return below == 0 ? null : Convert.ToDouble(dividend, CultureInfo.InvariantCulture) / below;
    }

    private static object Add(Column column, object current, object incoming) => (current, incoming) switch
    {
        (long left, long right) => checked(left + right),
        (int left, int right) => checked(left + right),
        (short left, short right) => checked((short)(left + right)),
        (decimal left, decimal right) => left + right,
        (double left, double right) => Add(column, left, right),
        _ => throw new InvalidOperationException($"The column {column.Name} holds a {current.GetType().Name}, which cannot be added to."),
    };

    private static double Add(Column column, double left, double right)
    {
        var sum = left + right;
        return double.IsInfinity(sum) && double.IsFinite(left) && double.IsFinite(right)
            ? throw new OverflowException($"The column {column.Name} is out of range for double precision.")
            : sum;
    }

    /// <summary>LEAST and GREATEST pass over nulls and take NaN for the largest number there is.</summary>
    private static object? Pick(object? current, object? incoming, Func<int, bool> takeCurrent)
    {
        if (current is null || incoming is null)
        {
            return current ?? incoming;
        }

        var order = current is double left && incoming is double right
            ? double.IsNaN(left).CompareTo(double.IsNaN(right)) is var byNaN and not 0 ? byNaN : left.CompareTo(right)
            : Comparer<object>.Default.Compare(current, incoming);
        return takeCurrent(order) ? current : incoming;
    }
}
