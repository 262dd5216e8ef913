namespace Cloud.Identity.Persistence;

/// <summary>A row that lists find by name and labels.</summary>
internal interface INamed
{
    string Name { get; }

    /// <summary>As <see cref="Primitives.Labels.Text"/> writes it.</summary>
    string LabelText { get; }
}
