using System.Linq.Expressions;
using System.Reflection;
using System.Text;

namespace Streams.Processors;

/// <summary>Which .NET types can be columns, and how the public properties of a type become columns.</summary>
internal static class ColumnTypes
{
    private static readonly Dictionary<Type, ColumnType> _types = new()
    {
        [typeof(string)] = ColumnType.Text,
        [typeof(short)] = ColumnType.SmallInt,
        [typeof(int)] = ColumnType.Integer,
        [typeof(long)] = ColumnType.BigInt,
        [typeof(double)] = ColumnType.Double,
        [typeof(decimal)] = ColumnType.Numeric,
        [typeof(bool)] = ColumnType.Boolean,
        [typeof(DateTime)] = ColumnType.Timestamp,
        [typeof(DateTimeOffset)] = ColumnType.Timestamp,
        [typeof(Guid)] = ColumnType.Uuid,
        [typeof(byte[])] = ColumnType.Bytes,
    };

    public const string Supported = "string, short, int, long, double, decimal, bool, DateTime, DateTimeOffset, Guid, byte[] and their nullable forms";

    /// <summary>The column type of a .NET type, or <c>null</c> if it has none.</summary>
    public static ColumnType? Of(Type type) => _types.TryGetValue(Nullable.GetUnderlyingType(type) ?? type, out var column) ? column : null;

    /// <summary>The public readable properties that a convention maps, in order of declaration.</summary>
    public static IReadOnlyList<PropertyInfo> Properties(Type type) =>
        [.. type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.GetMethod is { IsPublic: true } && p.GetIndexParameters().Length == 0)];

    public static bool IsNullable(PropertyInfo property) =>
        Nullable.GetUnderlyingType(property.PropertyType) is not null
        || (!property.PropertyType.IsValueType && new NullabilityInfoContext().Create(property).ReadState != NullabilityState.NotNull);

    /// <summary>Compiles <c>value => value.Property</c>.</summary>
    public static Delegate Getter(Type owner, PropertyInfo property)
    {
        var value = Expression.Parameter(owner, "value");
        return Expression.Lambda(typeof(Func<,>).MakeGenericType(owner, property.PropertyType), Expression.Property(value, property), value).Compile();
    }

    /// <summary>The bytes a key column's value takes in an index entry, roughly.</summary>
    public static long KeyBytes(string? text) => text is null ? 0 : Encoding.UTF8.GetByteCount(text);
}
