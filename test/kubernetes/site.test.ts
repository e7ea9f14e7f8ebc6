import { afterAll, beforeAll } from 'vitest';
import { applyingAndShifting } from './site/apply-and-mesh.ts';
import { mistrusting } from './site/broken-files.ts';
import { refusingCredentials } from './site/credentials.ts';
import { comingHome } from './site/failback.ts';
import { rehearsing } from './site/rehearsal.ts';
import { restoring } from './site/restore.ts';
import { scalingOut } from './site/scale-out.ts';
import { closeScene, openScene } from './site/scene.ts';

beforeAll(openScene, 1_800_000); // without a cache the engines are built here
afterAll(closeScene);

// In this order, on one lab.
restoring();
scalingOut();
applyingAndShifting();
comingHome();
rehearsing();
mistrusting();
refusingCredentials();
