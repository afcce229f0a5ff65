/** Providers and models as the running config has them. */
import { openCatalog } from "../../../providers/catalog/catalog.ts";
import { hostFor } from "../../../providers/hosts.ts";
import type { GenerationData } from "../../config/generation.ts";
import type { AdminServices } from "../admin-services.ts";
import type { ProvidersAnswer } from "../contract/daemon.ts";
import type { HealthReport } from "./provider-health.ts";

/** A price is in pico-dollars a token: times a million tokens, in nano-dollars. */
const nanoPerMillion = 1_000;

export function listProviders(generation: GenerationData, health?: HealthReport): ProvidersAnswer {
  return {
    providers: generation.providers.map((provider) => ({
      name: provider.name,
      host: provider.host,
      dialect: provider.dialect,
      base_url: provider.baseUrl,
      credentials: provider.credentials.map(({ id }) => id),
      models: provider.models,
      any_model: provider.anyModel,
      free: provider.free,
      proxy: provider.proxy === undefined ? null : new URL(provider.proxy).host,
      ...(health === undefined ? {} : { health: health.provider(provider.name) }),
    })),
  };
}

export function createModelService(current: () => GenerationData): AdminServices["models"] {
  return {
    async list({ provider: wanted }) {
      const generation = current();
      const hosts = generation.providers.map(({ name, host, dialect }) => [
        name,
        hostFor(host, dialect).catalog ?? host,
      ]);
      const catalog = openCatalog(generation.prices, Object.fromEntries(hosts));
      const models = generation.providers
        .filter(({ name }) => wanted === undefined || name === wanted)
        .flatMap((provider) =>
          (provider.models.length > 0 ? provider.models : catalog.models(provider.name)).map((name) => {
            const price = provider.free ? undefined : catalog.price(provider.name, name);
            return {
              id: `${provider.name}/${name}`,
              provider: provider.name,
              free: provider.free,
              input_nano_per_million: price?.input === undefined ? null : price.input * nanoPerMillion,
              output_nano_per_million: price?.output === undefined ? null : price.output * nanoPerMillion,
              context_tokens: catalog.contextWindow(provider.name, name) ?? null,
            };
          }),
        );
      return { models, aliases: generation.aliases };
    },
  };
}
