Console.WriteLine("clickstream");
