// Removes an earlier build, so that a file that was deleted from src/ is not in the package.
import { rmSync } from 'node:fs';

rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });
