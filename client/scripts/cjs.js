// Completes the CommonJS build in dist/cjs, for `require` in Node before 22, for Jest, and for `moduleResolution: node`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const dist = new URL('../dist/cjs/', import.meta.url);

writeFileSync(new URL('package.json', dist), '{ "type": "commonjs" }\n');

// The compiler converts `import()` to a function around `require`. A bundler then no longer sees that it is in a `try`,
// and requires the optional package to be installed.
const wrapped = /Promise\.resolve\(\)\.then\(\(\) => __importStar\((require\(["'][^"']+["']\))\)\)/g;
for (const name of readdirSync(dist, { recursive: true })) {
  if (!name.endsWith('.js')) continue;
  const file = new URL(name, dist);
  writeFileSync(file, readFileSync(file, 'utf8').replace(wrapped, '$1'));
}
