/** `bifrost prices list|show|set|delete`: prices in place of the catalog's, the config file's and the database's. */
import { type Command, InvalidArgumentError } from "commander";
import type { PriceRuleAnswer, PriceRulesAnswer, PriceRuleView } from "../../daemon/admin/contract/routing.ts";
import { addSubcommand, type Context } from "../command.ts";
import { type Column, renderJson, renderProperties, renderTable } from "../render.ts";
import { confirm, withClient } from "../session.ts";

const path = "/api/governance/pricing-overrides";
const pathOf = (match: string): string => `${path}/${encodeURIComponent(match)}`;

const columns: readonly Column<PriceRuleView>[] = [
  { title: "MODEL", cell: ({ match }) => match, shrinkTo: 16 },
  { title: "OWNER", cell: ({ source }) => source },
  { title: "PRICE", cell: ({ price }) => ratesOf(price), shrinkTo: 24 },
  { title: "STATE", cell: stateOf, shrinkTo: 12 },
];

type Options = {
  readonly description?: string;
  readonly json?: boolean;
};

export function build(prices: Command, context: Context): void {
  addSubcommand(prices, "list", "List prices that stand in place of the catalog's", context)
    .option("--search <text>", "Only those of models with this in their name")
    .option("--json", "Print a JSON array")
    .action(async function list(
      this: Command,
      { search, json }: { readonly search?: string; readonly json?: boolean },
    ) {
      const query = { search, limit: 1_000 };
      const { overrides } = await withClient(this, context, (client) =>
        client.call<PriceRulesAnswer>("GET", path, { query }),
      );
      const { terminal } = context;
      if (json) terminal.out(renderJson(overrides));
      else if (overrides.length > 0) terminal.out(renderTable(overrides, columns, terminal));
      else terminal.err("There are none: prices are the catalog's. See: bifrost models\n");
    });
  addSubcommand(prices, "show", "Show the price of a model or of all of a provider", context)
    .argument("<model>", "provider/model, provider/* or id")
    .option("--json", "Print JSON")
    .action(async function show(this: Command, match: string, { json }: Options) {
      const answer = await withClient(this, context, (client) => client.call<PriceRuleAnswer>("GET", pathOf(match)));
      print(answer, json, context);
    });
  addSubcommand(prices, "set", "Give a model a price, or change rates of one that it has", context)
    .argument("<model>", "provider/model or provider/*")
    .argument(
      "<rates...>",
      "input=3 output=15: dollars per million tokens, as under `prices` in the config; input= takes one away",
    )
    .option("--description <text>", "What people should know of it")
    .option("--json", "Print JSON")
    .action(async function set(this: Command, match: string, rates: readonly string[], options: Options) {
      const price = Object.fromEntries(rates.map(parseRate));
      const about = options.description === undefined ? {} : { description: options.description };
      const answer = await withClient(this, context, async (client) => {
        const { overrides } = await client.call<PriceRulesAnswer>("GET", path, {
          query: { search: match, limit: 1_000 },
        });
        const known = overrides.find((each) => each.match === match || each.id === match);
        if (known !== undefined)
          return client.call<PriceRuleAnswer>("PATCH", pathOf(known.id ?? match), { body: { ...about, price } });
        return client.call<PriceRuleAnswer>("POST", path, { body: { match, ...about, price } });
      });
      print(answer, options.json, context);
    });
  addSubcommand(prices, "delete", "Remove a price: the catalog's counts again", context)
    .argument("<model>", "provider/model, provider/* or id")
    .option("-y, --yes", "Do not ask")
    .option("--json", "Print JSON")
    .action(async function remove(this: Command, match: string, { yes, json }: Options & { readonly yes?: boolean }) {
      await withClient(this, context, async (client) => {
        await confirm(`Remove the price of ${match}?`, yes, context);
        const { override } = await client.call<PriceRuleAnswer>("DELETE", pathOf(match));
        if (json) context.terminal.out(renderJson(override));
        else context.terminal.err(`The price of ${override.match} is removed.\n`);
      });
    });
}

function parseRate(text: string): readonly [string, number | null] {
  const [, name, value] = /^([a-z0-9_]+)=(\d*(?:\.\d+)?)$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError(`${text}: write a rate as input=3`);
  return [name, value === "" ? null : Number(value)];
}

function print({ override }: PriceRuleAnswer, json: boolean | undefined, { terminal }: Context): void {
  if (json) terminal.out(renderJson(override));
  else
    terminal.out(
      renderProperties([
        ["model", override.match],
        ["id", override.id ?? "–"],
        ["owner", override.source === "file" ? "the config file" : "the database"],
        ["state", stateOf(override)],
        ...(override.description === null ? [] : ([["description", override.description]] as const)),
        ...Object.entries(override.price).map(([name, value]) => [name, valueText(value)] as const),
      ]),
    );
}

function ratesOf(price: PriceRuleView["price"]): string {
  return Object.entries(price)
    .map(([name, value]) => `${name}=${valueText(value)}`)
    .join(" ");
}

function valueText(value: unknown): string {
  return typeof value === "number" ? String(value) : JSON.stringify(value);
}

function stateOf({ fault }: PriceRuleView): string {
  return fault === null ? "in force" : `not in force: ${fault}`;
}
