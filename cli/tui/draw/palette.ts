/**
 * How a style looks on this terminal. Hides colour depth (none, 16, 256, true) and whether the background is dark.
 *
 * With 16 colours the terminal's own theme decides the shades, so nothing there depends on light or dark. Without colour, meaning is carried by bold, underline and reverse, and by words.
 */
import type { Line, Style } from "./line.ts";

export type ColorDepth = "none" | "16" | "256" | "true";
export type Theme = "dark" | "light";
export type Palette = {
  readonly depth: ColorDepth;
  readonly theme: Theme;
  readonly render: (spans: Line, selected?: boolean) => string;
};

type Rgb = readonly [red: number, green: number, blue: number];
type Tone = { readonly sixteen: number; readonly dark: Rgb; readonly light: Rgb };

const tones = {
  dim: { sixteen: 90, dark: [128, 136, 150], light: [110, 116, 128] },
  accent: { sixteen: 36, dark: [86, 194, 214], light: [0, 112, 138] },
  good: { sixteen: 32, dark: [120, 200, 120], light: [22, 122, 50] },
  warn: { sixteen: 33, dark: [230, 184, 88], light: [150, 98, 0] },
  bad: { sixteen: 31, dark: [240, 106, 106], light: [186, 28, 36] },
  info: { sixteen: 34, dark: [122, 162, 247], light: [36, 84, 190] },
  money: { sixteen: 35, dark: [200, 160, 240], light: [124, 58, 170] },
} as const satisfies Record<string, Tone>;

type ToneName = keyof typeof tones;
type Look = { readonly tone?: ToneName; readonly bold?: true; readonly reverse?: true; readonly underline?: true };

const looks: Readonly<Record<Style, Look>> = {
  plain: {},
  dim: { tone: "dim" },
  strong: { bold: true },
  accent: { tone: "accent", bold: true },
  good: { tone: "good" },
  warn: { tone: "warn" },
  bad: { tone: "bad", bold: true },
  info: { tone: "info" },
  money: { tone: "money" },
  series1: { tone: "info" },
  series2: { tone: "accent" },
  series3: { tone: "money" },
  series4: { tone: "good" },
  goodBadge: { tone: "good", reverse: true },
  warnBadge: { tone: "warn", reverse: true },
  badBadge: { tone: "bad", reverse: true, bold: true },
  accentBadge: { tone: "accent", reverse: true, bold: true },
  bar: { tone: "dim", reverse: true },
};

/** The selected line keeps its colours on a tinted ground where there are enough of them; else it is reversed. */
const selectedGround: Readonly<Record<Theme, { readonly rgb: Rgb; readonly indexed: number }>> = {
  dark: { rgb: [44, 52, 70], indexed: 237 },
  light: { rgb: [214, 226, 244], indexed: 189 },
};

const reset = "\u001b[0m";

export function createPalette(depth: ColorDepth, theme: Theme): Palette {
  const open = (selected: boolean) =>
    Object.fromEntries(
      (Object.keys(looks) as Style[]).map((style) => [style, sequence(looks[style], depth, theme, selected)]),
    ) as Record<Style, string>;
  const normal = open(false);
  const chosen = open(true);
  return {
    depth,
    theme,
    render: (spans, selected = false) => {
      const table = selected ? chosen : normal;
      let text = "";
      let current = "";
      for (const [part, style] of spans) {
        if (part === "") continue;
        const wanted = table[style];
        if (wanted !== current) text += (current === "" ? "" : reset) + wanted;
        current = wanted;
        text += part;
      }
      return current === "" ? text : text + reset;
    },
  };
}

function sequence(look: Look, depth: ColorDepth, theme: Theme, selected: boolean): string {
  const codes: (string | number)[] = [];
  if (look.bold) codes.push(1);
  if (look.underline) codes.push(4);
  const tinted = depth === "256" || depth === "true";
  if (look.reverse || (selected && !tinted)) codes.push(7);
  // Reversed, a colour of the 16 would become the ground and hide the selection among the badges.
  const colored = look.tone !== undefined && depth !== "none" && !(selected && depth === "16" && !look.reverse);
  if (colored) codes.push(foreground(tones[look.tone!], depth, theme));
  if (selected && tinted && !look.reverse) codes.push(ground(depth, theme));
  return codes.length === 0 ? "" : `\u001b[${codes.join(";")}m`;
}

function foreground(tone: Tone, depth: ColorDepth, theme: Theme): string {
  if (depth === "16") return String(tone.sixteen);
  const rgb = tone[theme];
  return depth === "256" ? `38;5;${indexOf(rgb)}` : `38;2;${rgb.join(";")}`;
}

function ground(depth: ColorDepth, theme: Theme): string {
  const { rgb, indexed } = selectedGround[theme];
  return depth === "256" ? `48;5;${indexed}` : `48;2;${rgb.join(";")}`;
}

/** The nearest of the 6×6×6 cube, which begins at 16. */
function indexOf([red, green, blue]: Rgb): number {
  const step = (value: number) => (value < 48 ? 0 : value < 115 ? 1 : Math.floor((value - 35) / 40));
  return 16 + 36 * step(red) + 6 * step(green) + step(blue);
}

/** https://no-color.org, then what the terminal says of itself. tmux and screen say 256 and mean it. */
export function colorDepth(environment: NodeJS.ProcessEnv): ColorDepth {
  const { NO_COLOR, COLORTERM = "", TERM = "", FORCE_COLOR } = environment;
  if (NO_COLOR || TERM === "dumb" || FORCE_COLOR === "0") return "none";
  const forced = ({ "1": "16", "2": "256", "3": "true" } as const)[FORCE_COLOR ?? ""];
  if (forced !== undefined) return forced;
  if (/^(truecolor|24bit)$/i.test(COLORTERM) || /-direct$|kitty|alacritty|ghostty|wezterm/.test(TERM)) return "true";
  if (/256/.test(TERM)) return "256";
  return "16";
}

/** `COLORFGBG=15;0` is what rxvt, konsole and iTerm set; 7 and 9–15 as ground are light. Nobody else says. */
export function themeOf(environment: NodeJS.ProcessEnv): Theme {
  const ground = Number(/;(\d+)$/.exec(environment["COLORFGBG"] ?? "")?.[1] ?? 0);
  return ground === 7 || (ground >= 9 && ground <= 15) ? "light" : "dark";
}
