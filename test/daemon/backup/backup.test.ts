/** A home in one file and back: whole, sealed, and without harm to what was there. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { backUp, restore, verifyBackup } from "../../../daemon/backup/backup.ts";
import { readSealed, writeSealed } from "../../../daemon/backup/sealed-file.ts";
import { openStateWriter } from "../../../daemon/store/boot.ts";
import { openDatabase } from "../../../daemon/store/database.ts";
import { lockHome } from "../../../daemon/store/lock.ts";

const progress = () => undefined;

function folder(): string {
  return mkdtempSync(join(tmpdir(), "bf-backup-"));
}

function homeWith(name: string): string {
  const home = folder();
  openStateWriter(home).close();
  const database = openDatabase(join(home, "state.db"));
  database.prepare("INSERT INTO meta VALUES ('who', ?)").run(name);
  database.close();
  writeFileSync(join(home, "config.yaml"), `# ${name}\n`);
  return home;
}

function whoIn(home: string): unknown {
  const database = openDatabase(join(home, "state.db"), { readonly: true });
  try {
    return database.prepare("SELECT value FROM meta WHERE name = 'who'").pluck().get();
  } finally {
    database.close();
  }
}

for (const passphrase of [undefined, "a long passphrase"]) {
  test(`backUp() and restore() bring a home back${passphrase === undefined ? "" : ", sealed"}`, async (t) => {
    const [home, other, place] = [homeWith("first"), homeWith("second"), folder()];
    t.after(() => [home, other, place].forEach((each) => void rmSync(each, { recursive: true })));
    const out = join(place, "b");
    const told: (readonly [string, number | undefined])[] = [];
    const tell = (step: string, part?: number): void => void told.push([step, part]);
    const head = await backUp({ home, out, version: "1.0.0", withTraffic: false, passphrase, progress: tell });
    const steps = ["copying state.db", passphrase === undefined ? "writing" : "sealing", "reading it back"];
    assert.deepEqual([...new Set(told.map(([step]) => step))], steps);
    for (const step of steps.slice(1))
      assert.ok(
        told.some(([each, part]) => each === step && part === 1),
        step,
      );
    assert.deepEqual(
      head.parts.map(({ name }) => name),
      ["state.db", "config.yaml"],
    );
    assert.equal(statSync(out).mode & 0o077, 0);
    assert.equal(readFileSync(out).includes("CREATE TABLE"), passphrase === undefined, "sealed means unreadable");
    assert.throws(() => restore({ file: out, home: other, passphrase, replace: false, progress }), /has data already/);
    const { aside } = restore({ file: out, home: other, passphrase, replace: true, progress });
    assert.equal(whoIn(other), "first");
    assert.equal(readFileSync(join(other, "config.yaml"), "utf8"), "# first\n");
    assert.equal(whoIn(aside!), "second");
    if (passphrase !== undefined) {
      assert.throws(() => verifyBackup(out, "another"), /passphrase is wrong/);
      assert.throws(() => verifyBackup(out, undefined), /is sealed/);
    }
  });
}

test("backUp() copies what was committed while others write", async (t) => {
  const [home, place] = [homeWith("first"), folder()];
  t.after(() => [home, place].forEach((each) => void rmSync(each, { recursive: true })));
  const writer = openDatabase(join(home, "state.db"));
  writer.exec("CREATE TABLE pairs (a INTEGER, b INTEGER)");
  const insert = writer.prepare("INSERT INTO pairs VALUES (?, ?)");
  const put = writer.transaction((number: number) => {
    insert.run(number, 1);
    insert.run(number, 2);
  });
  let number = 0;
  const timer = setInterval(() => put(number++), 1);
  const out = join(place, "b");
  await backUp({ home, out, version: "1.0.0", withTraffic: true, passphrase: undefined, progress });
  clearInterval(timer);
  writer.close();
  const restored = join(place, "home");
  restore({ file: out, home: restored, passphrase: undefined, replace: false, progress });
  const database = openDatabase(join(restored, "state.db"), { readonly: true });
  const odd = database.prepare("SELECT a FROM pairs GROUP BY a HAVING count(*) <> 2").all();
  database.close();
  assert.deepEqual(odd, []);
});

test("restore() leaves a home alone that a daemon uses", async (t) => {
  const [home, place] = [homeWith("first"), folder()];
  t.after(() => [home, place].forEach((each) => void rmSync(each, { recursive: true })));
  const out = join(place, "b");
  await backUp({ home, out, version: "1.0.0", withTraffic: false, passphrase: undefined, progress });
  const taken = lockHome(home);
  assert.ok("lock" in taken);
  assert.throws(() => restore({ file: out, home, passphrase: undefined, replace: true, progress }), /a daemon uses/);
  taken.lock.release();
});

for (const passphrase of [undefined, "secret"]) {
  test(`readSealed() refuses ${passphrase === undefined ? "a plain" : "a sealed"} file with any byte flipped, cut or moved`, (t) => {
    const place = folder();
    t.after(() => rmSync(place, { recursive: true }));
    const [source, file, changed] = [join(place, "s"), join(place, "b"), join(place, "c")];
    writeFileSync(source, "content of some length, several words");
    writeSealed(
      file,
      [
        { name: "state.db", file: source },
        { name: "config.yaml", file: source },
      ],
      { version: "1" },
      passphrase,
    );
    const whole = readFileSync(file);
    const taken: number[] = [];
    const step = passphrase === undefined ? 1 : 40; // each try costs half a second of scrypt
    const refuse = (bytes: Buffer, mark: number): void => {
      writeFileSync(changed, bytes);
      let out = "";
      try {
        readSealed(changed, passphrase, (_, piece) => {
          out += piece.toString();
        });
        taken.push(mark);
      } catch (error) {
        assert.equal((error as Error).name, "BackupProblem", `${mark} ${(error as Error).stack}`);
      }
      assert.ok("content of some length, several words".repeat(2).startsWith(out), "nothing that was not written");
    };
    for (let at = 0; at < whole.length; at += step) {
      const bytes = Buffer.from(whole);
      bytes[at] = bytes[at]! ^ 0x10;
      refuse(bytes, at);
    }
    refuse(whole.subarray(0, whole.length - 20), -1);
    refuse(Buffer.concat([whole, Buffer.from([0])]), -2);
    assert.deepEqual(taken, []);
    assert.ok(existsSync(file));
  });
}
