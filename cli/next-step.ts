/** What to do next after what the daemon answers. Hides that it is told by the words of the answer: the API knows no command line. */

/** Kinds as refusals name them, and the command that lists them. */
const listings: Readonly<Record<string, string>> = {
  key: "bifrost keys list",
  team: "bifrost teams list",
  customer: "bifrost customers list",
  user: "bifrost users list",
  "end user": "bifrost end-users list",
  tag: "bifrost tags list",
  "model limit": "bifrost limits list",
  token: "bifrost tokens list",
  "alert channel": "bifrost alerts list",
  "routing rule": "bifrost rules list",
  "price override": "bifrost prices list",
  request: "bifrost logs; in flight: bifrost logs --open",
};

export function nextStep(message: string): string | undefined {
  if (/^there is no request ".*" in the log yet$/.test(message))
    return "It comes up to 0.2 s after the end of its answer: ask again. In flight: bifrost logs --open";
  const [, absent] = /^there is no ([a-z ]+?) "/.exec(message) ?? [];
  if (absent !== undefined && listings[absent] !== undefined) return `See which there are: ${listings[absent]}`;
  const [, kind, name] = /^there is a ([a-z ]+?) "([^"]*)" already/.exec(message) ?? [];
  const command = kind === undefined ? undefined : listings[kind]?.split(" ")[1];
  if (command !== undefined) return `Choose another name, or change that one: bifrost ${command} update ${name}`;
  const [, permission] = /^this needs the permission (\S+)$/.exec(message) ?? [];
  if (permission !== undefined)
    return `Take a token that has it; whoever may makes one with: bifrost tokens create --permissions ${permission}`;
  if (/^generation \d+ is not in the history/.test(message)) return "See which there are: bifrost config history";
  if (message === "there is no config file") return "Name two generations, or write a config: docs/config.md.";
  if (/\bno provider is called "/.test(message)) return "See which there are: bifrost providers";
  if (message.endsWith("give permissions or a role"))
    return "Such as: --role viewer, or --permissions keys:read,logs:read";
  if (/^unknown field "price\./.test(message)) return "Rates are named as under `prices` in docs/config.md.";
  if (/^"when": is no condition/.test(message)) return "What it can ask for: docs/routing.md#rules";
  if (message.startsWith("there is nothing at /api/"))
    return "That is where models are called; the admin API is where `admin.listen` in the config says.";
  if (/^key ".*" has no budget/.test(message)) return "See which there are: bifrost budgets list";
  if (/^this admin token (is not known here|has expired|has been revoked)$/.test(message))
    return "Make one there with: bifrost tokens create; then put it into $BIFROST_TOKEN.";
  return undefined;
}

const systemWords: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "this user may not do that there",
  EPERM: "this user may not do that there",
  ENOSPC: "the disk is full",
  EROFS: "the disk is read-only",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is no folder",
  EEXIST: "it exists already",
};

/** A refusal of the system's, with the path that it is about where one is told; undefined: it is no such thing. */
export function systemFailure(error: Error): string | undefined {
  const { code, path } = error as NodeJS.ErrnoException;
  const words = systemReason(error);
  if (words === undefined) return undefined;
  // A write to what is open already names nothing.
  if (path === undefined) return code === "ENOSPC" ? `${words} (${code})` : undefined;
  return `${path}: ${words} (${code})`;
}

/** The same without the path, for who names it already. */
export function systemReason(error: unknown): string | undefined {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" && syscall === "mkdir") return "no folder can be made there";
  return code === undefined ? undefined : systemWords[code];
}
