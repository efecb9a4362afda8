using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Streams.Hosting;

/// <summary>Checks the settings at start; each message names the key.</summary>
internal sealed class StreamsOptionsValidator : IValidateOptions<StreamsOptions>
{
    public ValidateOptionsResult Validate(string? name, StreamsOptions options)
    {
        var problems = new List<string>();
        foreach (var property in typeof(StreamsOptions).GetProperties())
        {
            var value = property.GetValue(options);
            foreach (var rule in property.GetCustomAttributes(inherit: true).OfType<ValidationAttribute>())
            {
                if (!rule.IsValid(value))
                {
                    problems.Add($"{StreamsOptions.Section}:{property.Name} is {Shown(value)}; {Expectation(rule)}.");
                }
            }
        }

        if (options.ApplicationId.Length > 0 && Identifiers.Problem(options.ApplicationId) is { } problem)
        {
            problems.Add($"{StreamsOptions.Section}:ApplicationId is '{options.ApplicationId}', which cannot name a PostgreSQL schema: {problem}.");
        }

        if (options.NodeName is "")
        {
            problems.Add($"{StreamsOptions.Section}:NodeName is empty; give it a name, or leave it out.");
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static string Shown(object? value) => value is null or "" ? "not set" : $"{value}";

    private static string Expectation(ValidationAttribute rule) =>
        rule is RangeAttribute range ? $"it must be between {range.Minimum} and {range.Maximum}" : "it is required";
}
