using Tidy.Tests.Rules;

namespace Tidy.Tests;

public sealed class PlacesTests
{
    [Fact]
    public void nothing_names_a_folder_of_one_machine() => House.IsTidy(Places.OfMachines(SourceTree.Repository));

    [Fact]
    public void nothing_names_a_private_network() => House.IsTidy(Places.OfNetworks(SourceTree.Repository));

    [Fact]
    public void nothing_names_a_package_feed() => House.IsTidy(Places.OfFeeds(SourceTree.Repository));

    [Theory]
    [InlineData("/ho" + "me/ann")]
    [InlineData("/ro" + "ot/x")]
    [InlineData("/wo" + "rk/main")]
    [InlineData("/Us" + "ers/ann")]
    [InlineData("C:\\Us" + "ers\\")]
    public void a_machine_path_is_reported(string path) =>
        House.Reports(Places.OfMachines(SourceTree.Sample(("a.md", "see\n`" + path + "`\n"))), $"a.md:2: the path {path} of one machine");

    [Fact]
    public void paths_that_only_look_alike_are_not_reported() =>
        House.IsTidy(Places.OfMachines(SourceTree.Sample(("a.md", "artifacts/ho" + "me/x and https://example.com/us" + "ers and $HOME/wo" + "rk/x"))));

    [Theory]
    [InlineData("host: kafka.corp.example.int" + "ernal", "kafka.corp.example.int" + "ernal")]
    [InlineData("db.l" + "an:5432", "db.l" + "an")]
    [InlineData("servers: 10.1" + ".2.3:9092", "10.1" + ".2.3:9")]
    [InlineData("Host=192.1" + "68.0.7;", "192.1" + "68.0.7")]
    [InlineData("http://172.2" + "0.0.7/x", "172.2" + "0.0.7")]
    public void a_private_host_is_reported(string text, string host) =>
        House.Reports(Places.OfNetworks(SourceTree.Sample(("k8s/a.yaml", text + "\n"))), $"k8s/a.yaml:1: {host} is part of");

    [Fact]
    public void an_address_in_a_record_is_not_reported() =>
        House.IsTidy(Places.OfNetworks(SourceTree.Sample(("a.cs", "(\"10.0.0.1\", \"/cart\") 10.0.0.0/8 sub.land class.internals"))));

    [Fact]
    public void a_package_feed_is_reported() =>
        House.Reports(
            Places.OfFeeds(SourceTree.Sample(("nuget.config", "<add value=\"https://api.nuget.org/v3/index.json\" />\n<add value=\"https://feed.example.com/x/v3/" + "index.json\" />\n"))),
            "nuget.config:2: the package feed https://feed.example.com/x/v3/");
}
