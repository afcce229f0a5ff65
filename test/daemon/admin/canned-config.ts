/** A rule and a price of the database, for a lab that has no config. */
import type { AdminServices } from "../../../daemon/admin/admin-services.ts";

const cannedRule = {
  ...{ id: "rule_1", name: "r", source: "database" as const, fault: null, description: null, enabled: true, when: "" },
  ...{ scope: "global", priority: 0, targets: [], strategy: null, fallbacks: ["echo"], chain: false, etag: '"1"' },
  ...{ held: 0, errors: 0 },
};
const cannedPrice = {
  ...{ id: "price_1", match: "echo/echo", source: "database" as const, fault: null, description: null, etag: '"1"' },
  price: { input: 1 },
};
const ownPage = { count: 1, total_count: 1, limit: 100, offset: 0, next: null };
const rule = async () => ({ rule: cannedRule });
const override = async () => ({ override: cannedPrice });
export const cannedOwnConfig: AdminServices["ownConfig"] = {
  rules: {
    list: async () => ({ rules: [cannedRule], ...ownPage }),
    show: rule,
    create: rule,
    update: rule,
    remove: rule,
  },
  prices: {
    list: async () => ({ overrides: [cannedPrice], ...ownPage }),
    ...{ show: override, create: override, update: override, remove: override },
  },
};
