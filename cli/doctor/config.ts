/** The config: it can be read, it says what it means, and what runs is what stands on disk. */
import { statSync } from "node:fs";
import type { ConfigDiffAnswer, ConfigValidateAnswer } from "../../daemon/admin/contract/config.ts";
import { type Check, type Finding, good, note, problem, warning } from "./check.ts";

const problemsShown = 5;
const writableByOthers = 0o022;

export const config: Check = {
  name: "config",
  about: "the file is valid, its secrets are found, and what runs is what it says",
  async run({ client, status, isRemote }) {
    if (client === undefined) return [note("not looked at: the home could not be opened")];
    const checked = await client
      .call<ConfigValidateAnswer>("POST", "/api/config/validate", { body: {} })
      .catch(() => undefined);
    if (checked?.path == null) return [good("no file: providers come from the environment")];
    const findings: Finding[] = checked.problems.slice(0, problemsShown).map(({ line, column, field, message }) => {
      const place = [checked.path, line, column].filter((part) => part !== null).join(":");
      return problem(
        `${place}: ${field === null ? "" : `${field}: `}${message}`,
        "Until it is mended, the last good config runs on.",
      );
    });
    for (const said of checked.warnings) findings.push(warning(said, "docs/config.md explains the setting."));
    if (!isRemote) findings.push(...permissions(checked.path));
    if (status?.config.error != null && checked.ok)
      findings.push(warning(`the file on disk is not in use: ${status.config.error}`, "Load it: bifrost reload"));
    else if (status !== undefined && checked.ok && (await differs(client)))
      findings.push(
        warning("the file on disk differs from what runs", "See how: bifrost config diff. Load it: bifrost reload"),
      );
    return findings.length > 0
      ? findings
      : [
          good(
            `${checked.path} is valid${status === undefined ? "" : `, generation ${status.config.generation} runs`}`,
          ),
        ];
  },
};

async function differs(client: NonNullable<Parameters<Check["run"]>[0]["client"]>): Promise<boolean> {
  const found = await client.call<ConfigDiffAnswer>("GET", "/api/config/diff").catch(() => undefined);
  return found?.same === false;
}

function permissions(path: string): readonly Finding[] {
  try {
    const { mode } = statSync(path);
    if ((mode & writableByOthers) === 0) return [];
    return [warning(`${path} may be written by others: whoever can, decides where prompts go`, `chmod go-w ${path}`)];
  } catch {
    return [];
  }
}
