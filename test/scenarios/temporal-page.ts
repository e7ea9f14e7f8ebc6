import type { Browser, Locator, Page } from 'playwright-core';
import { obtainChromium, startChromium } from '../../lab/engines/chromium.ts';

/** Temporal's web UI as a person uses it; every wait is for a text that the person would read. */
export interface TemporalPage {
  /** What the page asked of other machines; all of it was refused. */
  readonly outside: ReadonlySet<string>;
  /** Opens the start link, fills the form in and starts the run. */
  start(workflowId: string, input: object): Promise<void>;
  /** Opens a link to a form that is filled in but for the id, gives that, and starts the run. @returns its input */
  startByLink(link: string, workflowId: string): Promise<unknown>;
  /** Opens a run's page, which starts at its timeline; waits until there is such a run. */
  open(workflowId: string): Promise<void>;
  /** Waits until the run's page says so, e.g. Running or Completed. */
  hasStatus(status: string): Promise<void>;
  /** Waits until the timeline shows rows with these texts. */
  timelineHas(...texts: readonly string[]): Promise<void>;
  /** Waits until the current details, in the tab User Metadata, contain these texts. */
  detailsHave(...texts: readonly string[]): Promise<void>;
  /** Sends an Update from its dialog. */
  update(name: string, payload: object): Promise<void>;
  /** Waits until the Update's dialog shows this text, and leaves it. @returns all that the dialog says */
  updateRefused(text: string): Promise<string>;
  /** A PNG of the run's head and of the open tab's main part, the way a README shows it. */
  picture(part: 'timeline' | 'details'): Promise<Buffer>;
  close(): Promise<void>;
}

const startPath = '/namespaces/default/workflows/start-workflow?taskQueue=siteshift&workflowType=runRunbook';

/** How long a text may take: the machine that runs the tests may be busy with much else. */
const patienceMs = 90_000;

export async function openTemporalPage(uiUrl: string): Promise<TemporalPage> {
  const browser = await startChromium(await obtainChromium(() => undefined));
  const { page, outside } = await openPage(browser);
  return {
    outside,
    start: async (workflowId, input) => {
      await page.goto(`${uiUrl}${startPath}`);
      await fillEditor(page, page.locator('body'), input);
      await submitStart(page, workflowId);
    },
    startByLink: async (link, workflowId) => {
      await page.goto(link);
      const editor = editorIn(page.locator('body'));
      await editor.getByText('runbook').first().waitFor();
      const input = JSON.parse(await editor.innerText()) as unknown;
      await submitStart(page, workflowId);
      return input;
    },
    open: (workflowId) =>
      openRun(page, `${uiUrl}/namespaces/default/workflows/${encodeURIComponent(workflowId)}`),
    hasStatus: (status) => page.getByTestId('workflow-status').getByText(status).first().waitFor(),
    timelineHas: async (...texts) => {
      await page.getByTestId('timeline-tab').click();
      for (const text of texts) await page.locator('svg').getByText(text).first().waitFor();
    },
    detailsHave: async (...texts) => {
      await page.getByTestId('user-metadata-tab').click();
      const details = page.locator('#user-metadata-current-details').contentFrame();
      // The tab asks the run once; R asks it again.
      for (const text of texts)
        await waitWhile(details.getByText(text).first(), () => page.keyboard.press('r'));
    },
    update: (name, payload) => sendUpdate(page, name, payload),
    updateRefused: async (text) => {
      const dialog = updateDialog(page);
      await dialog.getByText(text).first().waitFor();
      const words = await dialog.innerText();
      await dialog.getByText('Cancel', { exact: true }).click();
      await dialog.waitFor({ state: 'hidden' });
      return words;
    },
    picture: (part) => picture(page, part),
    close: () => browser.close(),
  };
}

async function openPage(browser: Browser): Promise<{ page: Page; outside: ReadonlySet<string> }> {
  // 1630 wide: what is right of the navigation is then about 1400.
  const context = await browser.newContext({
    viewport: { width: 1630, height: 1400 },
    colorScheme: 'light',
    timezoneId: 'UTC',
  });
  context.setDefaultTimeout(patienceMs);
  const outside = new Set<string>();
  await context.route(/^https?:/, (route) => {
    const { hostname, href } = new URL(route.request().url());
    if (hostname === '127.0.0.1') return route.continue();
    outside.add(href);
    return route.abort();
  });
  return { page: await context.newPage(), outside };
}

/** The page of a run that is only about to start stays empty; a person would load it again. */
async function openRun(page: Page, url: string): Promise<void> {
  await page.goto(url);
  // Each time it has longer: on a busy machine a page that is loaded anew every few seconds never comes to its end.
  await waitWhile(page.getByTestId('timeline-tab'), () => page.goto(url), 2);
}

/** Waits for it, and does `again` every few seconds meanwhile, or each time after so many times as long. */
async function waitWhile(locator: Locator, again: () => Promise<unknown>, growth = 1): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (let timeout = 5_000; ; timeout *= growth) {
    try {
      await locator.waitFor({ timeout });
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await again();
    }
  }
}

async function submitStart(page: Page, workflowId: string): Promise<void> {
  await page.getByText('Task Queue is Active').waitFor();
  await page.getByTestId('workflowId').fill(workflowId);
  const started = page.waitForResponse((response) => response.request().method() === 'POST');
  await page.getByTestId('start-workflow-button').filter({ visible: true }).first().click();
  const answer = await started;
  if (!answer.ok()) throw new Error(`starting ${workflowId}: expected 200, saw ${answer.status()}`);
}

const editorIn = (within: Locator): Locator =>
  within.locator('.cm-content[contenteditable=true]').filter({ visible: true }).first();

/** The editor lays the JSON out when it loses the focus, and the button moves: so it must lose it before the click. */
async function fillEditor(page: Page, within: Locator, value: object): Promise<void> {
  const editor = editorIn(within);
  await editor.click();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.insertText(JSON.stringify(value));
  await editor.blur();
}

/** The page holds it twice; one of them is shown. */
const updateDialog = (page: Page): Locator =>
  page.getByTestId('update-confirmation-modal').filter({ visible: true }).first();

async function sendUpdate(page: Page, name: string, payload: object): Promise<void> {
  await page.getByRole('button', { name: 'More Actions' }).click();
  await page.getByRole('menuitem', { name: 'Send an Update' }).click();
  const dialog = updateDialog(page);
  await dialog.getByTestId('update-select-button').click();
  await dialog
    .getByRole('option')
    .filter({ has: page.getByText(name, { exact: true }) })
    .click();
  await fillEditor(page, dialog, payload);
  await dialog.getByRole('button', { name: 'Submit' }).click();
}

async function picture(page: Page, part: 'timeline' | 'details'): Promise<Buffer> {
  // The raw input and result take half of the page and say nothing at that size.
  const style = await page.addStyleTag({
    content: '[data-testid="input-and-result"] { display: none !important }',
  });
  if (part === 'timeline') await page.getByRole('button', { name: 'Descending' }).click();
  const main =
    part === 'timeline'
      ? page.locator('svg.graph, svg:has(text)').last()
      : page.locator('#user-metadata-current-details');
  const head = await boxOf(page.getByTestId('workflow-status'));
  const actions = await boxOf(page.getByRole('button', { name: 'More Actions' }));
  const body = await boxOf(main);
  const edge = 16;
  const clip = {
    x: head.x - edge,
    y: head.y - edge,
    width: actions.x + actions.width - head.x + 2 * edge,
    height: body.y + body.height - head.y + 2 * edge,
  };
  const image = await page.screenshot({ clip, animations: 'disabled' });
  await style.evaluate((element) => (element as { remove(): void }).remove());
  return image;
}

async function boxOf(locator: Locator) {
  const box = await locator.boundingBox();
  if (box === null) throw new Error(`nothing to be seen of ${String(locator)}`);
  return box;
}
