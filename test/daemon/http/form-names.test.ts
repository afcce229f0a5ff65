import assert from "node:assert/strict";
import { test } from "node:test";
import { nameFields } from "../../../daemon/http/form-names.ts";

const part = (head: string, value: string): string => `--b0\r\n${head}\r\n\r\n${value}\r\n`;
const field = (name: string, more = ""): string => `Content-Disposition: form-data; name=${name}${more}`;
const file = '\r\n--b\r\n--b1 Content-Disposition: form-data; name="model"\r\n\r\n-';

function form(model: string, language: string, lead = ""): string {
  return [
    lead,
    part(`${field('"file"', '; filename="model"')}\r\nContent-Type: audio/mpeg`, file),
    part(`X-A: b\r\n${field(model)}`, "whisper"),
    part(field(language), ""),
    part(`content-disposition: form-data; filename="x"; name="other"`, "name=model"),
    "--b0--\r\nafter",
  ].join("");
}

test("nameFields() gives fields other names, and changes nothing else, however the form is cut", () => {
  const names = new Map([
    ["model", "model_id"],
    ["language", "language_code"],
  ]);
  for (const lead of ["", "before\r\n"]) {
    const text = form('"model"', "language", lead);
    for (let size = 1; size <= text.length; size++) {
      const seen: string[] = [];
      const namer = nameFields("b0", (name) => {
        seen.push(name);
        return names.get(name) ?? name;
      });
      let told = "";
      for (let at = 0; at < text.length; at += size)
        told += namer.push(Buffer.from(text.slice(at, at + size), "latin1")).toString("latin1");
      told += namer.end().toString("latin1");
      assert.equal(told, form('"model_id"', '"language_code"', lead), `in pieces of ${size}`);
      assert.deepEqual(seen, ["file", "model", "language", "other"]);
    }
  }
});

test("nameFields() holds back no more than a delimiter of a file that goes by", () => {
  const namer = nameFields("b0", (name) => name);
  namer.push(Buffer.from(`--b0\r\n${field('"file"')}\r\n\r\n`));
  const bytes = Buffer.alloc(100_000, 0x61);
  assert.ok(namer.push(bytes).length > bytes.length - 10);
});
