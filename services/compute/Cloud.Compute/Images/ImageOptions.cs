using System.ComponentModel.DataAnnotations;

namespace Cloud.Compute.Images;

/// <summary>Where images come from and lie: the configuration section <c>Cloud:Images</c>.</summary>
internal sealed record ImageOptions
{
    /// <summary>The folder of the recipes, with <c>build.sh</c>.</summary>
    [Required]
    public string Recipes { get; set; } = "";

    /// <summary>The cache: what is built once and kept.</summary>
    [Required]
    public string Cache { get; set; } = "";

    /// <summary>The folder of the images that projects brought in.</summary>
    [Required]
    public string Imported { get; set; } = "";

    /// <summary>How large a file may be that a project brings in, in bytes.</summary>
    [Range(1, long.MaxValue)]
    public long FileBytesMax { get; set; } = 64L << 30;

    /// <summary>What must stay free on the disk, in bytes.</summary>
    [Range(0, long.MaxValue)]
    public long FreeBytesMin { get; set; } = 256L << 20;
}
