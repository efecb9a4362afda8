using Streams.Processors.Testing;

namespace Streams.Processors.Tests;

/// <summary>Records put together with the latest one of another stream.</summary>
public sealed class JoinTests
{
    private sealed record Customer(string Address);

    private sealed record Order(int Id, string Customer);

    /// <summary>Orders are partitioned by something else, customers by their name.</summary>
    private static TopologyDriver Driver(bool left = false)
    {
        var builder = new StreamBuilder();
        var customers = builder.Stream("customers", Codecs.Utf8, Codecs.Nullable(Codecs.Json<Customer>()));
        var orders = builder.Stream("orders", Codecs.Int32, Codecs.Json<Order>()).SelectKey(order => order.Customer);
        var joined = left
            ? orders.LeftJoin(customers, "orders-and-customers", "latest_customers", (order, customer) => $"{order.Id} to {customer?.Address ?? "nowhere"}", Codecs.Utf8)
            : orders.Join(customers, "orders-and-customers", "latest_customers", (order, customer) => $"{order.Id} to {customer!.Address}", Codecs.Utf8);
        joined.To("deliveries", valueCodec: Codecs.Utf8);
        return new TopologyDriver(builder.Build(), new TopologyDriverOptions { StartTime = EngineRun.Now });
    }

    private static void Customers(TopologyDriver driver, string name, string? address, int partition = 0) =>
        driver.Pipe("customers", Codecs.Utf8, Codecs.Json<Customer>(), name, address is null ? null : new Customer(address), partition: partition);

    private static void Orders(TopologyDriver driver, int id, string customer, DateTime? time = null) =>
        driver.Pipe("orders", Codecs.Int32, Codecs.Json<Order>(), id, new Order(id, customer), time, partition: id % 2);

    private static IEnumerable<string> Deliveries(TopologyDriver driver) =>
        driver.ReadOutput("deliveries", Codecs.Utf8, Codecs.Utf8).Select(r => $"{r.Key}: {r.Value}");

    [Fact]
    public void a_record_meets_the_latest_of_its_key()
    {
        using var driver = Driver();
        Orders(driver, 1, "ann");
        Customers(driver, "ann", "Ulm");
        Orders(driver, 2, "ann");
        Orders(driver, 3, "bob");
        Customers(driver, "ann", "Bonn");
        Orders(driver, 4, "ann");
        Customers(driver, "ann", null);
        Orders(driver, 5, "ann");
        Assert.Equal(["ann: 2 to Ulm", "ann: 4 to Bonn"], Deliveries(driver));
        Assert.Empty(driver.Table("latest_customers"));
        Assert.Empty(driver.DeadLetters);
    }

    [Fact]
    public void a_left_join_goes_on_without_one()
    {
        using var driver = Driver(left: true);
        Orders(driver, 1, "ann");
        Customers(driver, "ann", "Ulm");
        Orders(driver, 2, "ann");
        Assert.Equal(["ann: 1 to nowhere", "ann: 2 to Ulm"], Deliveries(driver));
        Assert.Equal("""{"Address":"Ulm"}""", Assert.Single(driver.Table("latest_customers"))["state"]);
    }

    [Fact]
    public void what_comes_out_has_the_key_and_the_time_of_the_record()
    {
        using var driver = Driver();
        Customers(driver, "ann", "Ulm");
        Orders(driver, 1, "ann", EngineRun.Now.AddMinutes(-3));
        var delivery = Assert.Single(driver.ReadOutput("deliveries", Codecs.Utf8, Codecs.Utf8));
        Assert.Equal(("ann", EngineRun.Now.AddMinutes(-3)), (delivery.Key, delivery.Timestamp));
    }

    [Theory]
    [MemberData(nameof(Seeds.Few), MemberType = typeof(Seeds))]
    public void every_order_is_delivered_to_where_its_customer_was_then(int seed)
    {
        var random = new Random(seed);
        using var driver = Driver(left: true);
        var addresses = new Dictionary<string, string>();
        var expected = new List<string>();
        for (var i = 0; i < 200; i++)
        {
            var customer = $"customer {random.Next(9)}";
            switch (random.Next(5))
            {
                case 0:
                    Customers(driver, customer, addresses[customer] = $"address {i}");
                    break;
                case 1:
                    Customers(driver, customer, null);
                    addresses.Remove(customer);
                    break;
                default:
                    Orders(driver, i, customer);
                    expected.Add($"{customer}: {i} to {addresses.GetValueOrDefault(customer, "nowhere")}");
                    break;
            }
        }

        Assert.Equal(expected, Deliveries(driver));
        Assert.Equal(addresses.Keys.Order(StringComparer.Ordinal), driver.Table("latest_customers").Select(r => r["key"]));
    }

    [Fact]
    public void a_value_that_is_of_neither_stream_is_a_dead_letter()
    {
        var codec = new SideCodec<string, Customer?>(Codecs.Utf8, Codecs.Json<Customer?>());
        foreach (byte[] bytes in new byte[][] { [], [0], [5, 1], [3, 1], [4, 1] })
        {
            Assert.Equal("The value does not say which of the two streams it is of.", Assert.Throws<CodecException>(() => codec.Decode(bytes)).Message);
        }
    }
}
