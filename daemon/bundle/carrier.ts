/** What the single binary carries besides its code. Hides that there is nothing of it in sources and emitted JavaScript. */

/** `cli/binary/loader.ts` puts it there; a thread has its own. */
type Carrier = { native(name: string): object; asset(name: string): Uint8Array };

function carrier(): Carrier | undefined {
  return (globalThis as Record<symbol, unknown>)[Symbol.for("bifrost.binary")] as Carrier | undefined;
}

/** This process is the single binary: no script stands between its name and its words. */
export function isCarried(): boolean {
  return carrier() !== undefined;
}

/** Undefined: this process runs from sources or emitted JavaScript, with Node installed. */
export function carriedBytes(name: string): Buffer | undefined {
  const bytes = carrier()?.asset(name);
  return bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What a bundle adds to the executable: its name there, and its content. */
export function carriedFiles(): ReadonlyMap<string, Buffer> | undefined {
  const index = carriedBytes("bundle/index.json");
  if (index === undefined) return undefined;
  const names = JSON.parse(index.toString("utf8")) as readonly string[];
  return new Map(names.map((name) => [name, Buffer.from(carriedBytes(`bundle/${name}`)!)]));
}

export type Build = {
  readonly version: string;
  readonly commit: string;
  readonly committedAt: number;
  readonly catalogDate: string;
};

const marker = "\nbifrost-build:";

/** How a build says what it is, so that it can be read from an executable that cannot be run here. */
export function buildNote(build: Build): string {
  return `${marker}${JSON.stringify(build)}\n`;
}

export function readBuildNote(executable: Buffer): Build | undefined {
  const at = executable.indexOf(`${marker}{`);
  if (at < 0) return undefined;
  const end = executable.indexOf("\n", at + marker.length);
  return JSON.parse(executable.toString("utf8", at + marker.length, end)) as Build;
}

/** `linux-x64`, from an ELF executable's head. */
export function platformOf(executable: Buffer): string | undefined {
  if (executable.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const arch: Readonly<Record<number, string>> = { 62: "x64", 183: "arm64" };
  const found = arch[executable.readUInt16LE(18)];
  return found === undefined ? undefined : `linux-${found}`;
}
