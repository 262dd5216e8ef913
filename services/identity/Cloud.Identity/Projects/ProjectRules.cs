using Cloud.Primitives;

namespace Cloud.Identity.Projects;

internal static class ProjectRules
{
    public const int DescriptionLengthMax = 1000;

    public static void CheckDescription(string? description, FieldErrors errors) => errors.Require(
        (description?.Length ?? 0) <= DescriptionLengthMax, "description", $"At most {DescriptionLengthMax} characters.");
}
