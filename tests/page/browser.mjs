// Drives a browser that shows the page, and collects its errors and warnings.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { addr, installed } from "../interop/lib.mjs";

const puppeteer = installed("puppeteer-core");

// Opens the page and runs `body` on it. Afterwards, the console must contain no errors or warnings except the expected
// `complaints`, and no host but the server may have been contacted.
export async function onPage(body, { width = 1200, features = [], complaints = [], address = addr, script = true } = {}) {
  const home = await mkdtemp(join(tmpdir(), "longsync-page-"));
  const args = ["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"];
  const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM, args, userDataDir: home });
  try {
    const page = await browser.newPage();
    const said = [];
    page.on("console", (line) => ["error", "warn"].includes(line.type()) && said.push(line.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.protocol !== "data:" && url.host !== address) said.push(`it requested ${url}`);
    });
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures(features.map(([name, value]) => ({ name, value })));
    await page.setJavaScriptEnabled(script);
    const answer = await page.goto(`http://${address}/`);
    assert.equal(answer.status(), 200);
    await body(page, answer);
    const unexpected = said.filter((line) => !complaints.some((complaint) => complaint.test(line)));
    assert.deepEqual(unexpected, [], "errors and warnings of the browser");
  } finally {
    await browser.close();
    await rm(home, { recursive: true, force: true });
  }
}

// Makes calls, and returns the sentence that the page shows at the end.
export async function race(page, way, calls, delay) {
  await plan(page, calls, delay);
  await page.click(`#${way}`);
  return ended(page);
}

export async function plan(page, calls, delay) {
  await page.$eval("#calls", (input, value) => (input.value = value), String(calls));
  if (delay !== undefined) await page.$eval("#delay", (input, value) => (input.value = value), String(delay));
}

// Waits until the current run has ended, and returns the page's sentence.
export async function ended(page) {
  await page.waitForFunction(() => document.querySelector("#cancel").disabled && document.querySelector("#said").textContent);
  return page.$eval("#said", (said) => said.textContent);
}

// Where the bars of one look begin and end in the chart, in pixels, in the order of the rows.
export async function bars(page, look) {
  return page.$$eval(`#chart rect.${look}`, (bars) => bars.map((bar) => {
    const { left, right, top } = bar.getBoundingClientRect();
    return { left, right, top };
  }));
}

// The wall time that the chart shows for each way, in seconds.
export async function walls(page) {
  const seconds = { s: 1, ms: 1e-3 };
  const texts = await page.$$eval("#chart .wall", (texts) => texts.map((text) => text.textContent));
  return texts.map((text) => /^([\d.]+)(s|ms)$/.exec(text)).map(([, number, unit]) => number * seconds[unit]);
}
