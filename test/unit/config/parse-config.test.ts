import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/daemon/config/config-error.ts";
import { configKeys, type ConfigKey, keyPath } from "../../../src/daemon/config/keys.ts";
import { parseConfig } from "../../../src/daemon/config/parse-config.ts";

/** What is wrong with a text: each problem as `line: text`. */
const problemsOf = (text: string): string[] => {
  try {
    parseConfig(text);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ line, text: why }) => `${line}: ${why}`);
  }
};

describe("a config file", () => {
  it.each<[string, string, object]>([
    ["nothing", "", {}],
    ["comments alone", "# mine\n\n", {}],
    ["a section without keys", "[defaults]\n", {}],
    ["a time of days, and none as it is shown", '[defaults]\nttl = "2d"\nidle = 0', { ttl: 172_800, idle: 0 }],
    ["sizes and times as people write them", '[defaults]\nmemory = "1.5G"\nttl = "1h30m"', { memory: 1536, ttl: 5400 }],
    ["a time of none", '[defaults]\nidle = "0"', { idle: 0 }],
    ["lines that end as elsewhere", "[defaults]\r\ncpus = 2\r\nautostart = true\r\n", { cpus: 2, autostart: true }],
    ["dotted keys", "defaults.cpus = 3", { cpus: 3 }],
    ["a table in its line", 'defaults = { cpus = 4, network = "none" }', { cpus: 4, network: "none" }],
    ["labels in a table of their own", '[defaults.labels]\nteam = "infra"', { labels: { team: "infra" } }],
    ["labels without a value", '[defaults]\nlabels = { "ci/job" = "" }', { labels: { "ci/job": "" } }],
  ])("may be %s", (_, text, defaults) => expect(parseConfig(text).values).toEqual({ defaults }));

  it.each<[string, string, RegExp]>([
    ["no TOML", "[defaults]\ncpus = \n", /^2: is not TOML: .+ \(column \d+\)$/],
    ["a key twice", "[defaults]\ncpus = 1\ncpus = 2\n", /^3: is not TOML: /],
    ["a slip", "[defaults]\n\nmemmory = '1G'", /^3: defaults.memmory: is not a known key; did you mean memory\?$/],
    ["a key that nobody knows", "[defaults]\ncolour = 1", /^2: defaults.colour: .*; known are cpus, memory, /],
    ["a section that nobody knows", "[default]\ncpus = 1", /^1: default: is not a known key; did you mean defaults\?$/],
    ["a key without its section", "cpus = 1", /^1: cpus: is not a known key; it belongs below \[defaults\]$/],
    ["no section", "defaults = 3", /^1: defaults: 3 must be a table; write \[defaults\]/],
    ["a list of sections", "[[defaults]]\ncpus = 1", /^1: defaults: .* must be a table/],
    ["a number in quotes", '[defaults]\ncpus = "2"', /^2: defaults.cpus: "2" must be a whole number from 1 to 64$/],
    ["too much", "[defaults]\ncpus = 65", /^2: defaults.cpus: 65 must be a whole number from 1 to 64$/],
    ["a half", "[defaults]\ncpus = 1.5", /^2: defaults.cpus: 1.5 must be a whole number/],
    ["no number at all", "[defaults]\ncpus = nan", /^2: defaults.cpus: null must be a whole number/],
    [
      "a bare size",
      '[defaults]\nmemory = "512"',
      /^2: defaults.memory: "512" must be a size .*; did you mean "512M"\?$/,
    ],
    [
      "a size that is a number",
      "[defaults]\nmemory = 512",
      /^2: defaults.memory: 512 must be a size .*like 512M or 4G$/,
    ],
    ["too little", '[defaults]\nmemory = "1M"', /^2: defaults.memory: "1M" must be a size from 64M to 1T/],
    ["a bare time", '[defaults]\nttl = "90"', /^2: defaults.ttl: "90" must be a time .*; did you mean "90s"\?$/],
    ["a time of weeks", '[defaults]\nttl = "2w"', /^2: defaults.ttl: "2w" must be a time from 0s to 87600h/],
    [
      "another word",
      '[defaults]\nnetwork = "lan"',
      /^2: defaults.network: "lan" must be "nat" or "isolated" or "none"$/,
    ],
    ["a word for a truth", '[defaults]\nautostart = "yes"', /^2: defaults.autostart: "yes" must be true or false/],
    ["a date", "[defaults]\nttl = 2026-01-01", /^2: defaults.ttl: "2026-01-01" must be a time/],
    ["no name", '[defaults]\nimage = "My Image"', /^2: defaults.image: "My Image" must be a name/],
    ["labels in a list", '[defaults]\nlabels = ["a=b"]', /^2: defaults.labels: \["a=b"\] must be a table of texts/],
    ["a label that is none", '[defaults.labels]\nTEAM = "x"', /^2: defaults.labels.TEAM: "x" must be a label/],
    [
      "a label that is a number",
      "[defaults]\nlabels = { a = 1 }",
      /^2: defaults.labels.a: 1 must be a text in quotes$/,
    ],
    ["a value over several lines", '[defaults]\nlabels = ["a",\n\n  "b"]\ncpus = 2', /^2: defaults.labels: /],
    ["a prototype", '["__proto__"]\ncpus = 1', /^1: __proto__: is not a known key/],
  ])("is refused that has %s", (_, text, problem) => {
    const problems = problemsOf(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });

  it.each<[string, string, object[]]>([
    [
      "paths",
      'file_sync = [".gitconfig", ".config/git/"]',
      [".gitconfig", ".config/git"].map((path) => ({ path, to: path })),
    ],
    ["nothing", "file_sync = []", []],
    [
      "tables",
      'file_sync = [{ path = "a/b", to = "/etc/x" }, { path = "a/b", to = "c", user = "dev" }, { path = "d", user = "root" }, { path = "e", user = "0" }]',
      [
        { path: "a/b", to: "/etc/x" },
        { path: "a/b", to: "c", user: "dev" },
        { path: "d", to: "d" },
        { path: "e", to: "e" },
      ],
    ],
    [
      "tables of their own",
      '[[file_sync]]\npath = "a"\n[[file_sync]]\npath = "b"',
      [
        { path: "a", to: "a" },
        { path: "b", to: "b" },
      ],
    ],
    ["odd names", 'file_sync = ["..x", "a b/-rf", "…"]', ["..x", "a b/-rf", "…"].map((path) => ({ path, to: path }))],
  ])("may name what of the home goes into guests: %s", (_, text, entries) =>
    expect(parseConfig(text).values.file_sync).toEqual(entries),
  );

  it.each<[string, string, RegExp]>([
    ["a text", 'file_sync = ".a"', /^2: file_sync: ".a" must be a list of paths below your home, like \[/],
    ["a number", "file_sync = [1]", /^2: file_sync.0: 1 must be a path in quotes, or a table with one$/],
    ["a list", 'file_sync = [["a"]]', /^2: file_sync.0: \["a"\] must be a path in quotes/],
    [
      "an absolute path",
      'file_sync = ["a", "/etc/shadow"]',
      /^2: file_sync.1: "\/etc\/shadow" must be .*; it may not be absolute$/,
    ],
    [
      "a way up",
      'file_sync = ["a/../../b"]',
      /^2: file_sync.0: "a\/\.\.\/\.\.\/b" must be .*; it may have no \.\. in it$/,
    ],
    ["a bare way up", 'file_sync = [".."]', /; it may have no \.\. in it$/],
    ["a tilde", 'file_sync = ["~/.gitconfig"]', /^2: .*; leave ~\/ out, it is meant$/],
    ["nothing in quotes", 'file_sync = [""]', /^2: file_sync.0: "" must be a path below your home/],
    ["the whole home", 'file_sync = ["."]', /^2: file_sync.0: "\." must be a path/],
    ["an empty name", 'file_sync = ["a//b"]', /^2: file_sync.0: .* must be a path/],
    ["a NUL", 'file_sync = ["a\\u0000b"]', /^2: file_sync.0: .* must be a path/],
    ["a long name", `file_sync = ["${"x".repeat(256)}"]`, /, and shorter$/],
    ["no path", 'file_sync = [{ to = "/x" }]', /^2: file_sync.0: \{"to":"\/x"\} must have a path$/],
    [
      "a slip",
      'file_sync = [{ path = "a", too = "b" }]',
      /^2: file_sync.0.too: "b" is not a known key; known are path, to, user$/,
    ],
    ["a place with a way up", 'file_sync = [{ path = "a", to = "/x/../y" }]', /^2: file_sync.0.to: .* it may have no/],
    [
      "a place that is all",
      'file_sync = [{ path = "a", to = "/" }]',
      /^2: file_sync.0.to: "\/" must be a path in the guest/,
    ],
    [
      "a user that is none",
      'file_sync = [{ path = "a", user = "-x" }]',
      /^2: file_sync.0.user: "-x" must be a user's name/,
    ],
    [
      "one place twice",
      'file_sync = ["a", { path = "b", to = "a" }]',
      /^2: file_sync.1: .* has the place in the guest of another/,
    ],
    ["too many", `file_sync = [${'"a",'.repeat(65)}]`, /^2: file_sync: .* must be at most 64 entries/],
    [
      "its place below a section",
      '[defaults]\nfile_sync = ["a"]',
      /^3: defaults.file_sync: is not a known key; it belongs above the first/,
    ],
    ["a slip in its name", 'file_snyc = ["a"]', /^2: file_snyc: is not a known key; did you mean file_sync\?$/],
  ])("is refused whose file_sync has %s", (_, text, problem) => {
    const problems = problemsOf(`# mine\n${text}`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });

  it("is told all that is wrong with it, in the order of its lines", () => {
    const text = '[defaults]\nttl = "x"\ncolour = 1\ncpus = 0\n[more]\n';
    expect(problemsOf(text).map((problem) => /^\d+: [\w.]+/.exec(problem)?.[0])).toEqual([
      "2: defaults.ttl",
      "3: defaults.colour",
      "4: defaults.cpus",
      "5: more",
    ]);
  });

  it("finds the line of a key behind whatever stands before it", () => {
    const text = `note = """\n[defaults]\ncpus = 1\n"""\n`.replace("note", "[defaults]\nimage");
    const lines = problemsOf(`${text}\n# cpus = 3\n\ncpus = 99 # many\n`).map((problem) => problem.split(":")[0]);
    expect(lines).toEqual(["2", "9"]);
  });
});

describe("each key", () => {
  const keys = Object.entries(configKeys).flatMap(([section, declared]) =>
    Object.entries(declared as Record<string, ConfigKey>).map(([name, key]) => ({ section, name, key })),
  );
  it.each(keys.map(({ section, name, key }) => [keyPath(section, name), key] as const))(
    "%s takes its example, and shows what is built in as it may be written",
    (path, key) => {
      expect(problemsOf(`${path} = ${key.example}`)).toEqual([]);
      const shown = key.builtIn === null ? undefined : key.show(key.builtIn);
      if (shown !== undefined) expect(key.schema.parse(shown)).toEqual(key.builtIn);
    },
  );
});
