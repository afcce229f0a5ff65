/** The unit says what a service may do, and is written and removed whole. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { hasSystemd, installService, uninstallService, unitFile } from "../../../daemon/service/install.ts";
import { notify } from "../../../daemon/service/notify.ts";
import { renderUnit } from "../../../daemon/service/unit.ts";
import { temporaryHome } from "../../support/daemon.ts";

test("renderUnit() fences a service of the machine in, and names what an upgrade changes", () => {
  const unit = renderUnit({ executable: "/opt/bifrost/bin/bifrost", scope: "system", home: "/var/lib/bifrost" });
  for (const line of [
    "Type=notify",
    "NotifyAccess=all",
    "ExecStart=/opt/bifrost/bin/bifrost serve",
    "Environment=BIFROST_HOME=/var/lib/bifrost",
    "DynamicUser=yes",
    "StateDirectory=bifrost",
    "CapabilityBoundingSet=",
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "SystemCallFilter=@system-service",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
    "WantedBy=multi-user.target",
  ])
    assert.ok(unit.split("\n").includes(line), line);
});

test("renderUnit() writes odd paths as systemd reads them", () => {
  const unit = renderUnit({ executable: '/a b/100%/"x"/$y', scope: "user", home: "/h" });
  assert.ok(unit.includes('ExecStart="/a b/100%%/\\"x\\"/$$y" serve'), unit);
  assert.ok(!unit.includes("DynamicUser") && unit.includes("WantedBy=default.target"));
});

test("installService() writes the unit once, and uninstallService() takes it away", {
  skip: hasSystemd() ? "would start a service here" : false,
}, () => {
  const settings = temporaryHome();
  const options = { executable: "/x/bifrost", scope: "user", home: "/h", settings, start: true } as const;
  const file = unitFile("user", settings);
  assert.deepEqual(installService(options), { file, changed: true, running: undefined, trouble: undefined });
  assert.equal(readFileSync(file, "utf8"), renderUnit(options));
  assert.equal(installService(options).changed, false);
  assert.equal(uninstallService("user", settings).changed, true);
  assert.ok(!existsSync(file));
  assert.equal(uninstallService("user", settings).changed, false);
});

test("notify() does nothing outside of systemd", async () => {
  await notify("serving", {});
});

const analyze = spawnSync("systemd-analyze", ["--version"]).status === 0;

test("systemd finds nothing wrong with the unit", { skip: analyze ? false : "needs systemd-analyze" }, () => {
  const file = join(temporaryHome(), "bifrost.service");
  writeFileSync(file, renderUnit({ executable: "/bin/true", scope: "system", home: "/var/lib/bifrost" }));
  const said = spawnSync("systemd-analyze", ["verify", "--man=no", file], { encoding: "utf8" });
  assert.equal(
    said.stderr
      .split("\n")
      .filter((line) => line.includes("bifrost.service"))
      .join("\n"),
    "",
  );
});
