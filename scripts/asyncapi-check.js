// Run by asyncapi.sh: node asyncapi-check.js FOLDER FILE, with the parser installed in FOLDER.
// Ends with 1 when the file is no AsyncAPI document, or an example of a message is not as its schema says.
const { createRequire } = require('node:module');
const { resolve } = require('node:path');

const [folder, file] = process.argv.slice(2);
const installed = createRequire(resolve(folder, 'package.json'));
const { Parser, fromFile } = installed('@asyncapi/parser');
const { AvroSchemaParser } = installed('@asyncapi/avro-schema-parser');
// The schemas say nothing that draft 7 has otherwise, and `prefixItems`, which it does not know.
const Ajv = installed('ajv/dist/2020').default;
const addFormats = installed('ajv-formats').default;

const WARNING = 1;

const faultsOfExamples = (message) => {
  const examples = message.examples().all();
  if (examples.length === 0) return [];
  const ajv = addFormats(new Ajv({ allErrors: true, strict: false }));
  const validate = ajv.compile(message.payload().json());
  return examples.flatMap((example) => (validate(example.payload()) ? [] : [`example ${example.name()} of ${message.id()}: ${ajv.errorsText(validate.errors)}`]));
};

const main = async () => {
  const parser = new Parser();
  parser.registerSchemaParser(AvroSchemaParser());
  const { document, diagnostics } = await fromFile(parser, file).parse();
  const faults = diagnostics.filter(({ severity }) => severity <= WARNING).map(({ path, message }) => `${path.join('.')}: ${message}`);
  if (document) for (const message of document.allMessages().all()) faults.push(...faultsOfExamples(message));
  for (const fault of faults) console.error(fault);
  if (faults.length === 0) console.log('asyncapi.yaml holds, and so do its examples');
  process.exitCode = faults.length === 0 ? 0 : 1;
};

main();
