/** Providers and models as the running config has them. */
import { type Catalog, openCatalog } from "../../../providers/catalog/catalog.ts";
import { hostFor, hosts } from "../../../providers/hosts.ts";
import type { GenerationData } from "../../config/generation.ts";
import { followPrices } from "../../config/price-table.ts";
import type { AdminServices } from "../admin-services.ts";
import type { ProvidersAnswer } from "../contract/daemon.ts";
import type { HostsAnswer, HostView } from "../contract/hosts.ts";
import type { ProbeView } from "../contract/routing.ts";
import { viewPrice } from "./price-view.ts";
import type { HealthReport } from "./provider-health.ts";

/** A price is in pico-dollars a token: times a million tokens, in nano-dollars. */
const nanoPerMillion = 1_000;

export function listProviders(
  generation: GenerationData,
  health?: HealthReport,
  probes?: (provider: string) => { readonly probe?: ProbeView },
): ProvidersAnswer {
  return {
    providers: generation.providers.map((provider) => ({
      name: provider.name,
      host: provider.host,
      dialect: provider.dialect,
      base_url: provider.baseUrl,
      credentials:
        provider.identity === undefined ? provider.credentials.map(({ id }) => id) : [provider.identity.kind],
      models: provider.models,
      any_model: provider.anyModel,
      free: provider.free,
      proxy: provider.proxy === undefined ? null : new URL(provider.proxy).host,
      ...(health === undefined
        ? {}
        : { health: { ...health.provider(provider.name), ...(probes === undefined ? {} : probes(provider.name)) } }),
    })),
  };
}

/** Every row we know, in alphabetical order, and what of it the config uses. */
export function listHosts(generation: GenerationData): HostsAnswer {
  const views = Object.values(hosts).map((host): HostView => {
    const endpoints = Object.values(host.operations).flat();
    const key = host.auth.kind === "header" ? host.auth.name : host.auth.kind;
    return {
      name: host.name,
      base_url: host.baseUrl,
      dialects: [...new Set([host.dialect, ...endpoints.map(({ dialect }) => dialect)])],
      operations: Object.keys(host.operations),
      auth: host.identity === undefined ? [key] : [key, host.identity],
      environment: host.environment,
      free: host.free === true,
      configured: generation.providers.filter((provider) => provider.host === host.name).map(({ name }) => name),
    };
  });
  return { hosts: views.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** The prices in force, as the data plane sees them. */
export function catalogOf({ providers, importedPrices, prices, facts }: GenerationData): Catalog {
  const named = providers.map(({ name, host, dialect }) => [name, hostFor(host, dialect).catalog ?? host]);
  followPrices(importedPrices);
  return openCatalog(prices, Object.fromEntries(named), facts);
}

export function createModelService(current: () => GenerationData): AdminServices["models"] {
  return {
    async list({ provider: wanted }) {
      const generation = current();
      const catalog = catalogOf(generation);
      const models = generation.providers
        .filter(({ name }) => wanted === undefined || name === wanted)
        .flatMap((provider) =>
          (provider.models.length > 0 ? provider.models : catalog.models(provider.name)).map((name) => {
            const price = provider.free ? undefined : catalog.price(provider.name, name, Date.now());
            return {
              id: `${provider.name}/${name}`,
              provider: provider.name,
              free: provider.free,
              input_nano_per_million: price?.input === undefined ? null : price.input * nanoPerMillion,
              output_nano_per_million: price?.output === undefined ? null : price.output * nanoPerMillion,
              context_tokens: catalog.contextWindow(provider.name, name) ?? null,
              output_max_tokens: catalog.outputMax(provider.name, name) ?? null,
              prices: price === undefined ? null : viewPrice(price),
              capabilities: catalog.capabilities(provider.name, name) ?? null,
              operations: Object.keys(hostFor(provider.host, provider.dialect).operations),
            };
          }),
        );
      return { models, aliases: generation.aliases, catalog_date: catalog.date };
    },
  };
}
