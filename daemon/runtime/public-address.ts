/**
 * Which addresses are out in the world, for whatever dials a URL that somebody wrote. Hides every spelling of an inside
 * address: other notations of IPv4, IPv4 within IPv6, names that lead inside, and names that lead elsewhere the second
 * time (the address that was judged is the one that is dialled).
 */
import { type LookupAddress, lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

const inside = new BlockList();
for (const [network, bits] of [
  ...([
    ["0.0.0.0", 8],
    ["10.0.0.0", 8],
    ["100.64.0.0", 10],
    ["127.0.0.0", 8],
    ["169.254.0.0", 16],
  ] as const),
  ...([
    ["172.16.0.0", 12],
    ["192.0.0.0", 24],
    ["192.0.2.0", 24],
    ["192.88.99.0", 24],
    ["192.168.0.0", 16],
  ] as const),
  ...([
    ["198.18.0.0", 15],
    ["198.51.100.0", 24],
    ["203.0.113.0", 24],
    ["224.0.0.0", 4],
    ["240.0.0.0", 4],
  ] as const),
] as const)
  inside.addSubnet(network, bits, "ipv4");
for (const [network, bits] of [
  ...([
    ["::", 96],
    ["100::", 64],
    ["2001::", 23],
    ["2001:db8::", 32],
    ["3fff::", 20],
    ["5f00::", 16],
  ] as const),
  ...([
    ["fc00::", 7],
    ["fe80::", 10],
    ["fec0::", 10],
    ["ff00::", 8],
  ] as const),
] as const)
  inside.addSubnet(network, bits, "ipv6");

/** Networks whose addresses hold an IPv4 address, and where it begins (in groups of 16 bits). */
const carriers: readonly (readonly [prefix: string, at: number])[] = [
  ["0:0:0:0:0:ffff:", 6],
  ["64:ff9b:0:0:0:0:", 6],
  ["64:ff9b:1:0:0:0:", 6],
  ["2002:", 1],
];

export function isPublic(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !inside.check(address, "ipv4");
  if (family !== 6) return false;
  const groups = groupsOf(address);
  if (groups === undefined) return false;
  const plain = groups.map((group) => group.toString(16)).join(":");
  for (const [prefix, at] of carriers) {
    if (!plain.startsWith(prefix)) continue;
    const [high, low] = [groups[at]!, groups[at + 1]!];
    return isPublic(`${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`);
  }
  return !inside.check(address, "ipv6");
}

/** Throws, with words for whoever wrote the URL, when a literal address lies inside. Names are judged when they are looked up. */
export function assertPublicHost(hostname: string): void {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(host) !== 0 && !isPublic(host)) throw refused(host);
}

/** For `net.connect`: gives addresses out only if all that a name has lie outside. */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    if (error !== null) return callback(error, "", 0);
    const addresses = found as unknown as LookupAddress[];
    const wrong = addresses.find(({ address }) => !isPublic(address));
    if (wrong !== undefined) return callback(refused(hostname), "", 0);
    if (options.all) return callback(null, addresses);
    const [first] = addresses;
    callback(null, first!.address, first!.family);
  });
};

function refused(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${host} lies inside the network; allow_private: true lets it be reached`), {
    code: "EPRIVATE",
  });
}

/** Eight numbers; undefined where it is no IPv6 address. A zone is cut off. */
function groupsOf(address: string): number[] | undefined {
  const [bare = ""] = address.split("%");
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(bare);
  const text =
    dotted === null
      ? bare
      : `${dotted[1]}${(Number(dotted[2]) * 256 + Number(dotted[3])).toString(16)}:${(Number(dotted[4]) * 256 + Number(dotted[5])).toString(16)}`;
  const [left = "", right] = text.split("::");
  const parse = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const [before, after] = [parse(left), right === undefined ? [] : parse(right)];
  const missing = 8 - before.length - after.length;
  if (missing < 0 || (right === undefined && missing !== 0)) return undefined;
  return [...before, ...new Array<number>(missing).fill(0), ...after];
}
