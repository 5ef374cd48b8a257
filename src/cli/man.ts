/** `holdall man`: the manual page in roff, from the same tables as the help. */
import { EXIT_STATUS } from "../base/failure.ts";
import { VERSION } from "../base/version.ts";
import { describe } from "./help.ts";
import { ABOUT, ENVIRONMENT, GLOBAL_OPTIONS, NAMES, VERBS, type Verb } from "./verbs.ts";

/** Text that roff takes literally. */
function literal(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("~", "\\(ti")
    .replaceAll("^", "\\(ha")
    .replace(/^\./gm, "\\&.");
}

const tagged = (pairs: readonly (readonly [string, string])[]) =>
  pairs.map(([name, about]) => `.TP\n.B ${literal(name)}\n${literal(about)}`).join("\n");

const paragraph = (text: string) => `.PP\n${literal(text)}`;

function verbPart(name: string, verb: Verb): string {
  const notes = (verb.notes ?? []).map(paragraph);
  const actions = Object.entries(verb.actions ?? {});
  const examples = verb.examples.map(literal).join("\n");
  return [
    `.SS ${literal(`holdall ${name} ${verb.operands}`.trimEnd())}`,
    literal(`${verb.about}.`),
    ...notes,
    ...(actions.length > 0 ? [tagged(actions)] : []),
    ...(verb.options ? [tagged(verb.options.map(describe))] : []),
    `.PP\nExamples:\n.PP\n.nf\n.RS\n${examples}\n.RE\n.fi`,
  ].join("\n");
}

const FILES = `.TP
.B ~/.config/holdall/config.json
Named repositories; $HOLDALL_CONFIG or $XDG_CONFIG_HOME/holdall/config.json if set. A name stands
for its fields; relative paths are relative to the file's folder; unknown fields are refused.
.PP
.nf
.RS
{
  "repositories": {
    "nas": {
      "repository": "/mnt/nas/repo",
      "keyfile": "nas.key"
    }
  }
}
.RE
.fi
.PP
The fields are repository (required), passphraseFile, passphraseCommand, keyfile, limitUpload and
limitDownload (rates, also by the hour) and prices, an object of currency, storedGB (for a month),
outGB, puts1000 and gets1000; for s3://BUCKET/PREFIX also endpoint, region, addressing (path or host), profile,
accessKeyId, secretAccessKey, sessionToken, storageClass, lockDays (a number; what is put cannot be
removed for so long), lockMode (governance or compliance) and plainHttp (true or false). These go
before the AWS_* variables, which speak of one store and are not for another. Otherwise flags win over the environment, the environment over the file, and a prompt on the
terminal comes last. A passphrase is never the value of a flag: everyone on the machine can read the
arguments of a process.`;

const JSON_PART = `With
.B \\-\\-json
every line of standard output is one object with a field
.BR event ,
as typed in HoldallEvent of the library, and the last line is the result: snapshot (backup; id is
null after a dry run), init (with recoveryKey), restore, sync, check, stats, keys (key list), key, drill,
or error (code, message, hint, exit). Before it come phase, progress (backup), restoring (restore), syncing,
trouble (a path that could not be handled as it is) and warning; with
.B \\-\\-quiet
there is neither phase nor progress. ls, find, diff and restore \\-\\-dry\\-run print an
entry a line. A path that is not UTF\\-8 has its bytes in pathBase64.
One output is no line of events:
.B snapshots \\-\\-json
is an array of id, time, host, paths, tags, files, bytes, parent and troubles.`;

export function manPage(): string {
  const parts = [
    `.TH HOLDALL 1 "" "holdall ${VERSION}" "Holdall"`,
    `.SH NAME\nholdall \\- ${literal(ABOUT.toLowerCase().replace(/\.$/, ""))}`,
    ".SH SYNOPSIS\n.B holdall\n[options] verb ...",
    `.SH DESCRIPTION\nSaves folders, streams and the output of commands as snapshots in an encrypted repository, and brings
them back byte for byte. Nothing that is stored is ever replaced, and there is no lock that a person
would have to remove.`,
    `.SH VERBS\n${Object.entries(VERBS)
      .map(([name, verb]) => verbPart(name, verb))
      .join("\n")}`,
    `.SH OPTIONS\nThese are understood before and after the verb.\n${tagged(GLOBAL_OPTIONS.map(describe))}`,
    `.SH SNAPSHOTS\nA snapshot is named by:\n${tagged(NAMES)}`,
    `.SH JSON\n${JSON_PART}`,
    `.SH ENVIRONMENT\n${tagged(ENVIRONMENT)}`,
    `.SH FILES\n${FILES.replaceAll("~", "\\(ti")}`,
    `.SH EXIT STATUS\n${tagged(EXIT_STATUS.map(([n, about]) => [String(n), about]))}`,
  ];
  return `${parts.join("\n")}\n`;
}

export async function run(): Promise<number> {
  process.stdout.write(manPage());
  return 0;
}
