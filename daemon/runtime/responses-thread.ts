/** Thread main of the keeper of responses: one question at a time, answered in its order. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { type BatchFiles, openBatchFiles } from "../store/batch-files.ts";
import { type Batches, openBatches } from "../store/batches.ts";
import { type Films, openFilms } from "../store/films.ts";
import { openKeptResponses } from "../store/kept-responses.ts";
import { type ObjectOwners, openObjectOwners } from "../store/object-owners.ts";
import type { AboutObjects, KeeperAnswer, ToKeeper } from "./response-keeper.ts";

const parent = parentPort as MessagePort;
const { file } = workerData as { readonly file: string };
const kept = openKeptResponses(file, Date.now);
let owners: ObjectOwners | undefined;
let films: Films | undefined;
let batchFiles: BatchFiles | undefined;
let made: Batches | undefined;

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
      case "remove":
        answer = { number: asked.number, removed: kept.remove(asked.id, asked.keyId) };
        break;
      case "keep_film":
        films ??= openFilms(file);
        films.keep(asked.film);
        answer = { number: asked.number };
        break;
      case "film":
        films ??= openFilms(file);
        answer = { number: asked.number, film: films.find(asked.id, asked.provider) };
        break;
      case "keep_file":
        files().keep(asked.provider, asked.id, asked.file);
        answer = { number: asked.number };
        break;
      case "keep_batch":
        for (const id of asked.ids) batches().keep(asked.provider, id, asked.note);
        answer = { number: asked.number };
        break;
      case "find_batch":
        answer = { number: asked.number, note: batches().find(asked.provider, asked.id) };
        break;
      case "find_file":
        answer = { number: asked.number, file: files().find(asked.provider, asked.id) };
        break;
      default:
        answer = { number: asked.number, ids: aboutObjects(asked) };
    }
  } catch (error) {
    answer = { number: asked.number, failed: error instanceof Error ? error.message : String(error) };
  }
  parent.postMessage(answer);
});

function batches(): Batches {
  made ??= openBatches(file, Date.now);
  return made;
}

function files(): BatchFiles {
  batchFiles ??= openBatchFiles(file, Date.now);
  return batchFiles;
}

function aboutObjects(asked: AboutObjects): readonly string[] {
  owners ??= openObjectOwners(file, Date.now);
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
