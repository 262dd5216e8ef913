namespace Cloud.Identity.Contracts;

/// <summary>The limit of a quota in a project is another one now.</summary>
/// <param name="Project">The project's id.</param>
/// <param name="Name">One of <see cref="QuotaCatalog"/>.</param>
/// <param name="Limit">Null for the default.</param>
/// <param name="Generation">Grows with each change of this quota in this project; what is older than what is known is ignored.</param>
public sealed record QuotaChanged(string Project, string Name, long? Limit, long Generation);

/// <summary>So much of a quota is in use: told by the service that counts it, in the transaction that counted.</summary>
/// <param name="Project">The project's id.</param>
/// <param name="Name">One of <see cref="QuotaCatalog"/>.</param>
/// <param name="Used">All of it, not the difference.</param>
/// <param name="Generation">Grows with each change of this count; what is older than what is known is ignored.</param>
public sealed record QuotaUsage(string Project, string Name, long Used, long Generation);
