namespace Streams.Tests;

public sealed class SnakeCaseTests
{
    [Theory]
    [InlineData("Path", "path")]
    [InlineData("UserId", "user_id")]
    [InlineData("HTTPStatus", "http_status")]
    [InlineData("UserID", "user_id")]
    [InlineData("ID", "id")]
    [InlineData("A", "a")]
    [InlineData("ABTest", "ab_test")]
    [InlineData("Http2Status", "http2_status")]
    [InlineData("Level2", "level2")]
    [InlineData("already_snake", "already_snake")]
    [InlineData("Mixed_Case", "mixed_case")]
    [InlineData("camelCase", "camel_case")]
    [InlineData("ÄrgerÜber", "ärger_über")]
    [InlineData("", "")]
    public void property_names_become_column_names(string property, string column) =>
        Assert.Equal(column, Identifiers.SnakeCase(property));
}
