using System.Text.Json.Serialization;
using Cloud.Primitives;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace Cloud.ServiceDefaults.OpenApi;

/// <summary>Each service's OpenAPI document, open to all, like the page that shows it.</summary>
public static class OpenApiSetup
{
    private const string Scheme = "token";

    /// <summary>
    /// Adds the document of one service hosted in this process. Its routes carry the name: <c>MapGroup("").WithGroupName(name)</c>.
    /// </summary>
    public static WebApplicationBuilder AddServiceDocument(
        this WebApplicationBuilder builder, string name, string title, string description)
    {
        ArgumentNullException.ThrowIfNull(builder);
        if (!builder.Services.Any(service => service.ServiceType == typeof(ServiceDocuments)))
        {
            builder.Services.AddSingleton<ServiceDocuments>();
            builder.Services.AddEndpointsApiExplorer();
            builder.Services.AddSwaggerGen(Configure);
        }

        builder.Services.AddSingleton(new ServiceDocument(name, title));
        builder.Services.ConfigureSwaggerGen(
            options => options.SwaggerDoc(name, new OpenApiInfo { Title = title, Version = "v1", Description = description }));
        return builder;
    }

    private static void Configure(SwaggerGenOptions options)
    {
        options.DocInclusionPredicate((document, description) => description.GroupName == document);
        options.SupportNonNullableReferenceTypes();
        options.CustomSchemaIds(SchemaName);
        options.OperationFilter<BoundParameters>();
        options.OperationFilter<RequestExamples>();
        options.OperationFilter<ErrorResponsesFilter>();
        options.MapType<ByteSize>(() => new OpenApiSchema
        {
            OneOf =
            [
                new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64" },
                new OpenApiSchema { Type = JsonSchemaType.String },
            ],
            Description = $"Expected {ByteSize.Form}.",
        });
        options.MapType<Labels>(() => new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.String },
        });
        options.SchemaFilter<TypedIdSchemas>();
        options.AddSecurityDefinition(Scheme, new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = "bearer",
            Description = "The token alone, as .cloud/credentials.env has it in CLOUD_TOKEN.",
        });
        options.AddSecurityRequirement(
            document => new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Scheme, document)] = [] });
        foreach (var comments in Directory.EnumerateFiles(AppContext.BaseDirectory, "Cloud.*.xml"))
        {
            options.IncludeXmlComments(comments);
        }
    }

    /// <summary>PageOfInstanceView for Page&lt;InstanceView&gt;.</summary>
    private static string SchemaName(Type type) => type.IsGenericType
        ? type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)] + "Of"
            + string.Concat(type.GetGenericArguments().Select(SchemaName))
        : type.Name;
}

/// <summary>Typed ids are strings in JSON.</summary>
internal sealed class TypedIdSchemas : ISchemaFilter
{
    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (schema is OpenApiSchema target
            && context.Type.GetCustomAttributes(typeof(JsonConverterAttribute), false).OfType<JsonConverterAttribute>().FirstOrDefault()
                is { ConverterType: { IsGenericType: true } converter }
            && converter.GetGenericTypeDefinition() == typeof(TypedIdJsonConverter<>))
        {
            target.Type = JsonSchemaType.String;
            target.Properties?.Clear();
            target.Required?.Clear();
        }
    }
}
