/**
 * How to go back before a migration. Hides that for what only adds (a table, an index, a column) the way back can be read
 * from the way there; whatever else a migration does must bring its own.
 *
 * The way back is written into the file beside the migration's name, so that an older program, which has never heard of
 * the migration, can take it.
 */

/** SQL, or undefined where something of the older schema was changed. */
export function deriveUndo(sql: string): string | undefined {
  const made = new Set<string>();
  const added = new Set<string>();
  const undo: string[] = [];
  for (const statement of statementsOf(sql)) {
    const text = statement.replace(/\s+/g, " ");
    const [, kind, name] =
      /^CREATE (?:UNIQUE )?(TABLE|INDEX|VIEW|TRIGGER) (?:IF NOT EXISTS )?"?(\w+)"?/i.exec(text) ?? [];
    const [, table, column] = /^ALTER TABLE "?(\w+)"? ADD (?:COLUMN )?"?(\w+)"?/i.exec(text) ?? [];
    const [, filled] = /^INSERT (?:OR \w+ )?INTO "?(\w+)"?/i.exec(text) ?? [];
    if (kind !== undefined && name !== undefined) {
      made.add(name);
      undo.unshift(`DROP ${kind.toUpperCase()} IF EXISTS "${name}";`);
    } else if (table !== undefined && column !== undefined) {
      added.add(`${table}.${column}`);
      if (!made.has(table)) undo.unshift(`ALTER TABLE "${table}" DROP COLUMN "${column}";`);
    } else if (!(filled !== undefined && made.has(filled)) && !fillsOnly(text, added)) return undefined;
  }
  return undo.join("\n");
}

/** `UPDATE keys SET scope_id = 1`, where the migration itself has added the column. */
function fillsOnly(text: string, added: ReadonlySet<string>): boolean {
  const [, table, column, rest = ""] = /^UPDATE "?(\w+)"? SET "?(\w+)"? = (.*)$/i.exec(text) ?? [];
  return added.has(`${table}.${column}`) && !/, "?\w+"? = /.test(rest);
}

/** Without comments. A trigger's body has statements of its own, which are not counted. */
export function statementsOf(sql: string): readonly string[] {
  // Text between is taken as long as it goes: a token a letter is so many that V8 wakes its optimizing compiler for them.
  const tokens =
    /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|;|\b(?:BEGIN|CASE|END)\b|(?:(?!\b(?:BEGIN|CASE|END)\b)[^;'"\-/])+|[\s\S]/g;
  const statements: string[] = [];
  let [current, depth] = ["", 0];
  for (const [token] of sql.matchAll(tokens)) {
    if (token.startsWith("--") || token.startsWith("/*")) {
      current += " ";
      continue;
    }
    if (/^(?:BEGIN|CASE)$/i.test(token)) depth += 1;
    if (/^END$/i.test(token)) depth -= 1;
    if (token === ";" && depth === 0) {
      statements.push(current.trim());
      current = "";
    } else current += token;
  }
  return [...statements, current.trim()].filter((statement) => statement !== "");
}
