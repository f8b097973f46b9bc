// Checks an AsyncAPI document by the official parser, and the examples of each message by its payload's schema, which
// that parser does not do for AsyncAPI 3: `node check.js docs/asyncapi.yaml`

import { readFile } from 'node:fs/promises';
import { DiagnosticSeverity, Parser } from '@asyncapi/parser';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';

const [file] = process.argv.slice(2);
const problems = [];
const { document, diagnostics } = await new Parser().parse(await readFile(file, 'utf8'));
for (const { severity, message, path } of diagnostics) {
  if (severity <= DiagnosticSeverity.Warning) problems.push(`${path.join('.')}: ${message}`);
}

// Strict, so that a keyword which ajv does not know, and would pass over, is an error.
const ajv = new Ajv({ strict: true, strictTypes: false, strictRequired: false });
formats.default(ajv);
ajv.addVocabulary(['x-parser-schema-id']);
for (const message of document?.components().messages().all() ?? []) {
  const isValid = ajv.compile(message.payload().json());
  if (message.examples().length === 0) problems.push(`${message.id()} has no example`);
  for (const example of message.examples().all()) {
    if (isValid(example.payload())) continue;
    problems.push(`example ${example.name()} of ${message.id()}: ${ajv.errorsText(isValid.errors)}`);
  }
}

for (const problem of problems) console.error(`${file}: ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
