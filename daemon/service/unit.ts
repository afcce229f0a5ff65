/** The systemd unit. Hides which of systemd's fences this program can live behind, and why not all of them. */

export type UnitOptions = {
  readonly executable: string;
  /** `system`: a service of the machine, under a user that exists while it runs. `user`: of one person. */
  readonly scope: "system" | "user";
  readonly home: string;
};

export const systemHome = "/var/lib/bifrost";
export const systemPrefix = "/opt/bifrost";
export const unitName = "bifrost.service";

export function renderUnit({ executable, scope, home }: UnitOptions): string {
  const isSystem = scope === "system";
  const service = isSystem ? [...common(executable, home), ...identity, ...fences] : common(executable, home);
  return `# Written by: bifrost service install
# Settings of your own go into a drop-in: systemctl ${isSystem ? "" : "--user "}edit bifrost
[Unit]
Description=Bifrost, an AI gateway
Documentation=man:bifrost(1)
After=network.target

[Service]
${service.join("\n")}

[Install]
WantedBy=${isSystem ? "multi-user.target" : "default.target"}
`;
}

function common(executable: string, home: string): readonly string[] {
  return [
    "Type=notify",
    "# Readiness is told by systemd-notify, a process of its own; an upgrade makes another process the main one.",
    "NotifyAccess=all",
    `ExecStart=${quoted(executable)} serve`,
    "ExecReload=/bin/kill -HUP $MAINPID",
    `Environment=${quoted(`BIFROST_HOME=${home}`)}`,
    "# Provider keys, NAME=value a line.",
    "EnvironmentFile=-/etc/bifrost/environment",
    "Restart=on-failure",
    "RestartSec=1s",
    "# The default drain is 30 s, and what was cut is still recorded.",
    "TimeoutStopSec=60s",
    "KillMode=mixed",
    "LimitNOFILE=65536",
    "UMask=0077",
    "StandardOutput=journal",
    "StandardError=journal",
    "SyslogIdentifier=bifrost",
  ];
}

const identity = [
  "DynamicUser=yes",
  "StateDirectory=bifrost",
  "StateDirectoryMode=0700",
  "CacheDirectory=bifrost",
  "CacheDirectoryMode=0700",
  "ConfigurationDirectory=bifrost",
  "ConfigurationDirectoryMode=0750",
];

const fences = [
  "# To listen below port 1024, in a drop-in: AmbientCapabilities=CAP_NET_BIND_SERVICE, CapabilityBoundingSet= the same.",
  "CapabilityBoundingSet=",
  "NoNewPrivileges=yes",
  "ProtectSystem=strict",
  "ProtectHome=yes",
  "PrivateTmp=yes",
  "PrivateDevices=yes",
  "ProtectClock=yes",
  "ProtectHostname=yes",
  "ProtectKernelLogs=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelTunables=yes",
  "ProtectControlGroups=yes",
  "ProtectProc=invisible",
  "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
  "RestrictNamespaces=yes",
  "RestrictRealtime=yes",
  "RestrictSUIDSGID=yes",
  "LockPersonality=yes",
  "RemoveIPC=yes",
  "SystemCallArchitectures=native",
  "SystemCallFilter=@system-service",
  "SystemCallErrorNumber=EPERM",
  "# Not MemoryDenyWriteExecute: the engine compiles what runs often into machine code.",
];

/** As systemd reads words: quotes around, and its own signs doubled. */
function quoted(text: string): string {
  const doubled = text.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /[\s"'\\]/.test(doubled) ? `"${doubled.replace(/["\\]/g, "\\$&")}"` : doubled;
}
