// A page of headless Chromium for a test: fresh profile, no request of the browser itself, no script error, nothing from other machines.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { chromium } from "playwright-core";

const { CHROMIUM, SCREENSHOTS, URL: base } = process.env;
const quiet = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The address of the service under test. */
export { base };

/** Runs `test` with a page. Fails for an error on its console, and for a request to another machine. */
export async function withPage(test) {
  const profile = await mkdtemp(join(tmpdir(), "underpin-browser-"));
  const sandbox = process.getuid() === 0 ? ["--no-sandbox"] : [];
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    args: [...quiet, ...sandbox],
    viewport: { width: 1000, height: 620 },
  });
  try {
    const page = browser.pages()[0] ?? (await browser.newPage());
    page.setDefaultTimeout(60_000);
    const errors = [];
    page.on("console", (line) => line.type() === "error" && errors.push(line.text()));
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("request", (request) => {
      const { hostname, protocol } = new URL(request.url());
      if (protocol.startsWith("http") && hostname !== "127.0.0.1") errors.push(`asked ${request.url()}`);
    });
    await test(page);
    assert.deepEqual(errors, []);
  } finally {
    await browser.close();
    await rm(profile, { recursive: true, force: true });
  }
}

/** Keeps a picture for the README where the test was asked to. */
export async function picture(page, name) {
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}
