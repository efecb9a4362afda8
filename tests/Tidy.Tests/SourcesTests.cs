using Tidy.Tests.Rules;

namespace Tidy.Tests;

public sealed class SourcesTests
{
    [Fact]
    public void files_are_short_enough_to_read_in_one_sitting() => House.IsTidy(Sources.Length(SourceTree.Repository));

    [Fact]
    public void nothing_is_left_for_later_and_nothing_is_switched_off_in_place() => House.IsTidy(Sources.Words(SourceTree.Repository));

    [Fact]
    public void tests_do_not_sleep() => House.IsTidy(Sources.SleepingTests(SourceTree.Repository));

    [Fact]
    public void names_of_tests_are_sentences() => House.IsTidy(Sources.TestNames(SourceTree.Repository));

    [Fact]
    public void a_file_of_more_than_400_lines_is_reported()
    {
        var tree = SourceTree.Sample(
            ("src/Fits.cs", string.Concat(Enumerable.Repeat("\n", 400))),
            ("src/Long.cs", "first" + string.Concat(Enumerable.Repeat("\nnext", 400)) + "\n"),
            ("docs/Long.md", string.Concat(Enumerable.Repeat("line\n", 500))));

        House.Reports(Sources.Length(tree), "src/Long.cs:401: 401 lines");
    }

    [Theory]
    [InlineData("    // TO" + "DO: later", "TO" + "DO")]
    [InlineData("var x = 1; // FIX" + "ME", "FIX" + "ME")]
    [InlineData("/* a HA" + "CK */", "HA" + "CK")]
    [InlineData("#" + "pragma warning disable CA1000", "#" + "pragma")]
    [InlineData("    #" + "region Fields", "#" + "region")]
    public void a_forbidden_word_is_reported(string line, string word) =>
        House.Reports(Sources.Words(SourceTree.Sample(("src/A.cs", "class A;\n" + line + "\n"))), $"src/A.cs:2: '{word}'");

    [Fact]
    public void a_sleeping_test_is_reported() =>
        House.Reports(
            Sources.SleepingTests(SourceTree.Sample(("tests/T/A.cs", "\n\nThread." + "Sleep(5);"), ("src/B.cs", "Thread." + "Sleep(5);"))),
            "tests/T/A.cs:3: a test sleeps");

    [Theory]
    [InlineData("    public void Works()")]
    [InlineData("    public async Task Works()")]
    [InlineData("    [InlineData(\"a_b\")]\n    // why_so\n    public static void Works<T>(T some_value)")]
    public void a_test_without_a_sentence_is_reported(string method) =>
        House.Reports(
            Sources.TestNames(SourceTree.Sample(("tests/T/A.cs", "    [Theory]\n" + method + "\n    {\n    }\n"))),
            $"tests/T/A.cs:{2 + method.Count(c => c == '\n')}: the test Works has no sentence");
}
