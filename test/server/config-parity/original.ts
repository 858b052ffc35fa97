import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What the original makes of an input: a result, or the exception that it ends with. */
export type Outcome<T> = { readonly result: T } | { readonly error: string };

export interface OriginalClient {
  readonly name: string;
  readonly key_id: string;
  readonly fingerprint: string;
  /** Hexadecimal. */
  readonly secret: string;
  readonly host: string;
  readonly checker: string;
  readonly approved_by_default: boolean;
  readonly enabled: boolean;
  /** Milliseconds, by the option's name. */
  readonly durations: Readonly<Record<string, number>>;
}

/**
 * The installed original as an oracle: a program that loads it, gives it each input through its own functions and
 * prints what comes out. Bytes go as base64.
 */
const ORACLE = `
import base64, configparser, datetime, importlib.machinery, importlib.util, inspect, json, os, sys
sys.dont_write_bytecode = True
request = json.load(sys.stdin)
directory = request["directory"]

def load():
    loader = importlib.machinery.SourceFileLoader("mandos", "/usr/sbin/mandos")
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mandos", loader))
    loader.exec_module(module)
    return module

def write(name, data):
    path = os.path.join(directory, name)
    if data is None:
        if os.path.exists(path): os.unlink(path)
    else:
        with open(path, "wb") as f: f.write(base64.b64decode(data))
    return path

def milliseconds(delta):
    return delta // datetime.timedelta(milliseconds=1)

def format(mandos, input):
    config = configparser.ConfigParser()
    config.read_file(open(write("x.conf", input), encoding="utf-8"))
    rows = lambda options: [[key, value] for key, value in options.items()]
    return {"defaults": rows(config._defaults), "sections": [[name, rows(config._sections[name])] for name in config.sections()]}

def expansion(mandos, input):
    config = configparser.ConfigParser()
    config.read_dict({"x": input})
    return {key: config.get("x", key) for key in input}

def clients(mandos, input):
    config = configparser.ConfigParser(mandos.Client.client_defaults)
    config.read_file(open(write("clients.conf", input), encoding="utf-8"))
    settings = mandos.Client.config_parser(config)
    return [{
        "name": name, "key_id": s["key_id"], "fingerprint": s["fingerprint"], "secret": s["secret"].hex(),
        "host": s["host"], "checker": s["checker_command"], "approved_by_default": s["approved_by_default"],
        "enabled": s["enabled"],
        "durations": {key: milliseconds(s[key]) for key in
            ("timeout", "extended_timeout", "interval", "approval_delay", "approval_duration")},
    } for name, s in settings.items()]

def duration(mandos, input):
    return milliseconds(mandos.string_to_delta(input))

class Reached(BaseException): pass

def options(mandos, input):
    write("mandos.conf", input["file"])
    def reached(*args):
        frame = inspect.currentframe()
        while "server_settings" not in frame.f_locals: frame = frame.f_back
        settings = dict(frame.f_locals["server_settings"])
        settings["log_level"] = args[1] if len(args) > 1 else None
        raise Reached(settings)
    # What comes first when all options are known.
    mandos.initlogger = reached
    sys.argv = ["mandos", "--configdir", directory] + input["args"]
    try: mandos.main()
    except Reached as e: return e.args[0]

def path(mandos, input):
    return os.path.expanduser(os.path.expandvars(input))

function = globals()[request["function"]]
mandos = load() if request["function"] in ("clients", "duration", "options") else None
results = []
for input in request["inputs"]:
    try: results.append({"result": function(mandos, input)})
    except (Exception, SystemExit) as e: results.append({"error": type(e).__name__})
json.dump(results, sys.stdout)
`;

/** Bytes that an oracle's answer may have: those for some thousands of inputs. */
const ANSWER_LIMIT_BYTES = 256 * 1024 * 1024;

/** Asks a function of the oracle about inputs; their outcomes in the same order. */
export function askOriginal<T>(
  what: 'format' | 'expansion' | 'clients' | 'duration' | 'options' | 'path',
  inputs: readonly unknown[],
  environment: Readonly<Record<string, string>> = {},
): Outcome<T>[] {
  const directory = mkdtempSync(join(tmpdir(), 'mandos-oracle-'));
  try {
    const answer = execFileSync('/usr/bin/python3', ['-I', '-c', ORACLE], {
      input: JSON.stringify({ function: what, directory, inputs }),
      env: { ...process.env, LC_ALL: 'C.UTF-8', ...environment },
      maxBuffer: ANSWER_LIMIT_BYTES,
      stdio: ['pipe', 'pipe', 'ignore'], // argparse's usage
    });
    return JSON.parse(answer.toString()) as Outcome<T>[];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A file's text or bytes, as the oracle takes them. */
export function fileInput(content: string | Uint8Array): string {
  return Buffer.from(content).toString('base64');
}
