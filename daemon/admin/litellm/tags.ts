/** `/tag/*`: LiteLLM's tags are ours. Hides that their names are given one by one, and shown by name. */
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import type { AdminServices } from "../admin-services.ts";
import type { OwnerView } from "../contract/owners.ts";
import { asks, type Route, reads } from "../route.ts";
import { body, commonFields, word } from "./fields.ts";
import { createOwner, idOf, type OwnerBody, type OwnerRow, shownOwner, updateOwner } from "./owner-shape.ts";
import { post } from "./post.ts";

type Names = { readonly names: readonly string[] };

const tags: OwnerRow = {
  ...{ path: "/tag", kind: "tag", resource: "limits" },
  ...{ id: "name", alias: "description", ids: "names" },
};
const pageMax = 1_000;
const listMax = 100_000;
const write = body<z.ZodRawShape, OwnerBody>({ ...commonFields, name: word, description: word });
const one = body<z.ZodRawShape, OwnerBody>({ name: word });
const several = body<z.ZodRawShape, Names>({ names: z.array(z.string().max(512)).min(1).max(pageMax) });

export function tagRoutes(current: () => GenerationData): readonly Route[] {
  return [
    post<OwnerBody>("/tag/new", "limits:write", "tag.create", write, async (services, request, action) => {
      idOf(tags, request);
      const tag = shownTag(await createOwner(services, tags, request, action, current()));
      return { message: `Tag ${tag["name"]} created successfully`, tag };
    }),
    post<OwnerBody>("/tag/update", "limits:write", "tag.update", write, async (services, request, action) => {
      const tag = shownTag(await updateOwner(services, tags, request, action, current()));
      return { message: `Tag ${tag["name"]} updated successfully`, tag };
    }),
    post<OwnerBody>("/tag/delete", "limits:write", "tag.delete", one, async ({ owners }, request, action) => {
      const { owner } = await owners.remove("tag", idOf(tags, request), action);
      return { message: `Tag ${owner.name} deleted successfully` };
    }),
    asks<Names>({
      ...{ method: "POST", path: "/tag/info", permission: "limits:read", reachable: true, body: several },
      summary: "LiteLLM's /tag/info",
      async run({ owners }, { body: { names } }) {
        const found = await Promise.all(names.map((name) => owners.show("tag", name)));
        return Object.fromEntries(found.map(({ owner }) => [owner.name, shownTag(owner)]));
      },
    }),
    reads({
      ...{ method: "GET", path: "/tag/list", permission: "limits:read", reachable: true },
      summary: "LiteLLM's /tag/list",
      run: list,
    }),
  ];
}

async function list({ owners }: AdminServices) {
  const all: object[] = [];
  for (let after: string | undefined; ; ) {
    const page = await owners.list("tag", { limit: pageMax, ...(after === undefined ? {} : { after }) });
    all.push(...page.owners.map(shownTag));
    if (page.next === null) return all;
    if (all.length >= listMax)
      throw new GatewayError("invalid_request", `more than ${listMax} tags: ask for them with bifrost tags list`);
    after = page.next;
  }
}

/** Its name is what requests carry, so it is its id there. */
function shownTag(owner: OwnerView): Readonly<Record<string, unknown>> {
  return { ...shownOwner(tags, owner), name: owner.name, description: owner.description };
}
