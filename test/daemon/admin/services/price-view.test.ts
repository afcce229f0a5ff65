/** What is shown of a price can be written into the config, and means the same there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { viewPrice } from "../../../../daemon/admin/services/price-view.ts";
import { openCatalog } from "../../../../providers/catalog/catalog.ts";
import type { Price } from "../../../../providers/catalog/price.ts";

test("viewPrice() tells every rate in the config's words and units", () => {
  const price: Price = {
    ...{ input: 2_500_000, output: 10_000_000, cacheRead: 83_333, cacheWrite5m: 3_000_000, cacheWrite1h: 6_000_000 },
    ...{ audioCacheRead: 400_000, request: 5_000_000_000, serverTool: 10_000_000_000, image: 40_000_000_000 },
    ...{ character: 15_000_000, audioHour: 360_000_000_000, search: 2_000_000_000, videoSecond: 1e11 },
    videoSizes: { "1792x1024": 5e11 },
    tiers: [{ above: 200_000, input: 5_000_000, cacheWrite1h: 12_000_000 }],
    serviceShares: { flex: 0.5 },
  };
  assert.deepEqual(viewPrice(price), {
    ...{ input: 2.5, output: 10, cache_read: 0.083333, cache_write_5m: 3, cache_write_1h: 6 },
    ...{ audio_cache_read: 0.4, request: 0.005, server_tool: 0.01, image: 0.04 },
    ...{ characters: 15, audio_hour: 0.36, search: 0.002, video_second: 0.1 },
    video_sizes: { "1792x1024": 0.5 },
    tiers: [{ above: 200_000, input: 5, cache_write_1h: 12 }],
    service_tiers: { flex: 0.5 },
  });
});

test("viewPrice() knows what the catalog has of sound by the hour", () => {
  const whisper = openCatalog([]).price("openai", "whisper-1");
  assert.deepEqual(whisper === undefined ? undefined : viewPrice(whisper), {
    audio_hour: 0.36,
    service_tiers: { flex: 0.5, batch: 0.5 },
  });
});
