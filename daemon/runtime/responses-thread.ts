/** Thread main of the keeper of responses: one question at a time, answered in its order. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { openDatabase } from "../store/database.ts";
import { type Notes, openNotes } from "../store/kept-notes.ts";
import { openKeptResponses } from "../store/kept-responses.ts";
import { type ObjectOwners, openObjectOwners } from "../store/object-owners.ts";
import type { AboutObjects, KeeperAnswer, NoteKind, NoteOf, ToKeeper } from "./response-keeper.ts";

const parent = parentPort as MessagePort;
const { file } = workerData as { readonly file: string };
const database = openDatabase(file, { synchronous: "NORMAL", busyMs: 2_000 });
const kept = openKeptResponses(database, Date.now);
let owners: ObjectOwners | undefined;
const opened = new Map<NoteKind, Notes<NoteOf[NoteKind]>>();

parent.on("message", (asked: ToKeeper) => {
  let answer: KeeperAnswer;
  try {
    switch (asked.type) {
      case "get":
        answer = { number: asked.number, kept: kept.get(asked.id, asked.keyId) };
        break;
      case "put":
        kept.put(asked.kept);
        answer = { number: asked.number };
        break;
      case "items":
        answer = { number: asked.number, items: kept.items(asked.ids, asked.keyId) };
        break;
      case "foreign_kept":
        answer = { number: asked.number, ids: kept.foreign(asked.ids, asked.keyId) };
        break;
      case "remove":
        answer = { number: asked.number, removed: kept.remove(asked.id, asked.keyId) };
        break;
      case "note":
        for (const id of asked.ids) notes(asked.of).keep(asked.provider, id, asked.note);
        answer = { number: asked.number };
        break;
      case "find_note":
        answer = { number: asked.number, note: notes(asked.of).find(asked.provider, asked.id) };
        break;
      default:
        answer = { number: asked.number, ids: aboutObjects(asked) };
    }
  } catch (error) {
    answer = { number: asked.number, failed: error instanceof Error ? error.message : String(error) };
  }
  parent.postMessage(answer);
});

function notes(of: NoteKind): Notes<NoteOf[NoteKind]> {
  let found = opened.get(of);
  if (found === undefined) {
    found = openNotes(database, `${of}_notes`, Date.now);
    opened.set(of, found);
  }
  return found;
}

function aboutObjects(asked: AboutObjects): readonly string[] {
  owners ??= openObjectOwners(database, Date.now);
  switch (asked.type) {
    case "own":
      return owners.own(asked.provider, asked.ids, asked.owner);
    case "foreign":
      return owners.foreign(asked.ids, asked.owner);
    case "where":
      return owners.where(asked.ids, asked.owner);
    case "claim":
      owners.claim(asked.provider, asked.ids, asked.owner);
      return [];
    case "forget":
      owners.forget(asked.provider, asked.id);
      return [];
  }
}
