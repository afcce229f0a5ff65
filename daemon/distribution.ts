/** The parts of `daemon/` that deal with the program and its files, for the command line. Hides where each lies. */
import type { Distribution } from "./admin/contract/calling.ts";
import { backUp, readPassphrase, restore, verifyBackup } from "./backup/backup.ts";
import { createBundle } from "./bundle/create.ts";
import { installBundle } from "./bundle/install.ts";
import { generateKeys, readSecretKey } from "./bundle/minisign.ts";
import { openBundle } from "./bundle/open.ts";
import { currentId, historyOf, releasesIn, trustedKeys } from "./bundle/prefix.ts";
import { importSignedPrices } from "./bundle/prices.ts";
import { rollBack } from "./bundle/rollback.ts";
import { showPrices } from "./config/price-table.ts";
import { installService, uninstallService } from "./service/install.ts";
import { renderUnit, systemHome, systemPrefix } from "./service/unit.ts";

export const distribution: Distribution = {
  ...{ createBundle, openBundle, installBundle, rollBack },
  releases: { all: releasesIn, currentId, history: historyOf, trustedKeys },
  prices: { import: importSignedPrices, show: showPrices },
  signing: { generate: generateKeys, readSecret: readSecretKey },
  service: { install: installService, uninstall: uninstallService, render: renderUnit, systemHome, systemPrefix },
  backup: { make: backUp, restore, verify: verifyBackup, passphrase: readPassphrase },
};
