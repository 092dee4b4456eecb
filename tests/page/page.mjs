// Tests the page in headless Chromium: runs the race and compares what the page shows with known values.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { addr, counts, installed, runCase, untilInFlight } from "../interop/lib.mjs";
import { bars, ended, onPage, plan, race, walls } from "./browser.mjs";

const KIND = "GET /long_sync";
const axe = installed("axe-core");
const WIDTHS = [360, 1200];

// The accessibility rules that this page violates.
async function violations(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
}

const isSideways = (page) => page.evaluate(() => document.scrollingElement.scrollWidth > innerWidth);
const shot = (page, name) => page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`), fullPage: true });

async function looked(scheme) {
  for (const width of WIDTHS) {
    await onPage(async (page) => {
      assert.deepEqual(await violations(page), [], `${width} px, at first`);
      await race(page, "together", 12, 100);
      await page.click("summary");
      assert.deepEqual(await violations(page), [], `${width} px, after a race`);
    }, { width, features: [["prefers-color-scheme", scheme]] });
  }
}

// Checks that nothing is wider than the screen, and saves screenshots.
async function pictures(scheme) {
  for (const width of WIDTHS) {
    await onPage(async (page) => {
      assert.ok(!(await isSideways(page)), `${width} px, at first`);
      await page.waitForFunction(() => document.querySelector("#rate").textContent !== "–");
      await shot(page, `first-${width}-${scheme}`);
      await race(page, "sequential", 8, 250);
      await race(page, "together", 8, 250);
      await shot(page, `race-${width}-${scheme}`);
      await plan(page, 9, 5_000);
      await page.click("#together");
      await untilInFlight(6);
      await page.click("#cancel");
      await ended(page);
      await shot(page, `cancel-${width}-${scheme}`);
      await page.click("summary");
      assert.ok(!(await isSideways(page)), `${width} px, after a race`);
    }, { width, features: [["prefers-color-scheme", scheme]] });
  }
}

// Starts a separate server with these flags.
async function withServer(flags, body) {
  const server = spawn(process.env.SERVER, ["--listen", "127.0.0.1:0", "--log", "off", ...flags]);
  try {
    const [line] = await once(createInterface({ input: server.stdout }), "line");
    await body(line.replace("longsync-server listening on http://", ""));
  } finally {
    server.kill("SIGKILL");
  }
}

const cases = {
  async one_after_another_each_bar_begins_where_the_last_ended() {
    await onPage(async (page) => {
      await counts(KIND, { answered: 5 }, async () => {
        assert.match(await race(page, "sequential", 5, 200), /^5 calls of 200ms took [12](\.\d+)?s one after another/);
      });
      const drawn = await bars(page, "answered");
      assert.equal(drawn.length, 5);
      for (const [before, bar] of drawn.slice(1).map((bar, at) => [drawn[at], bar])) {
        assert.ok(bar.left >= before.right - 1.5 && bar.top > before.top, JSON.stringify(drawn));
      }
      const [wall] = await walls(page);
      assert.ok(wall >= 1 && wall < 3, `${wall} s`);
    });
  },

  async all_at_once_takes_as_long_as_one_call() {
    await onPage(async (page) => {
      await race(page, "sequential", 6, 300);
      await counts(KIND, { answered: 6 }, async () => {
        const said = await race(page, "together", 6, 300);
        assert.match(said, /^Waiting is not working: 6 calls of 300ms took \d\.\d+s one after another, but \d+ms all at once\.$/);
      });
      const drawn = (await bars(page, "answered")).slice(6);
      const [first] = drawn;
      // They overlap: each begins before the first has ended.
      assert.ok(drawn.length === 6 && drawn.every((bar) => bar.left < first.right), JSON.stringify(drawn));
      const [sequential, together] = await walls(page);
      assert.ok(sequential >= 1.8 && together >= 0.3 && together < sequential / 2, `${sequential} s, ${together} s`);
    });
  },

  async with_twelve_calls_the_bars_and_the_sentence_show_the_browsers_limit() {
    await onPage(async (page) => {
      await counts(KIND, { answered: 12 }, async () => {
        const said = await race(page, "together", 12, 400);
        assert.match(said, /this browser had at most 6 of them in flight\. 6 calls waited in the browser .* Over HTTP\/1\.1/);
      });
      const [held, answered] = [await bars(page, "held"), await bars(page, "answered")];
      assert.ok(held.length >= 6 && answered.length === 12, `${held.length} thin lines`);
      const first = Math.min(...answered.map((bar) => bar.right));
      assert.equal(answered.filter((bar) => bar.left > first - 2).length, 6, "bars that begin when others have ended");
      const key = await page.$eval("#key", (key) => key.textContent);
      assert.ok(key.includes("waiting in the browser") && key.includes("answered"), key);
      await page.click("summary");
      const rows = await page.$$eval("#rows tr", (rows) => rows.map((row) => row.children[2].textContent));
      assert.equal(rows.filter((held) => Number.parseFloat(held) >= 390 && held.endsWith("ms")).length, 6, String(rows));
    });
  },

  async the_server_counts_cancelled_calls() {
    await onPage(async (page) => {
      await counts(KIND, { cancelled: 4 }, async () => {
        await plan(page, 4, 10_000);
        await page.click("#together");
        await untilInFlight(4);
        await page.click("#cancel");
        assert.match(await ended(page), /4 cancelled\.\s?The server noticed all 4 that had reached it, and stopped waiting/);
      });
      assert.equal((await bars(page, "cancelled")).length, 4);
    });
  },

  async calls_that_had_not_left_the_browser_are_counted_separately() {
    await onPage(async (page) => {
      await counts(KIND, { cancelled: 6 }, async () => {
        await plan(page, 9, 10_000);
        await page.click("#together");
        await untilInFlight(6);
        await page.click("#cancel");
        const said = await ended(page);
        assert.match(said, /9 cancelled\.\s?3 of them had not left the browser\. The server noticed all 6/);
      });
    });
  },

  async one_after_another_can_be_cancelled_too() {
    await onPage(async (page) => {
      await counts(KIND, { cancelled: 1 }, async () => {
        await plan(page, 5, 10_000);
        await page.click("#sequential");
        await untilInFlight(1);
        await page.click("#cancel");
        assert.match(await ended(page), /1 cancelled, 4 never made\.\s?The server noticed the call that had reached it/);
      });
      // The next run starts from scratch.
      assert.match(await race(page, "together", 2, 500), /^(Waiting is not working: )?2 calls of 500ms would take at least 1(\.\d+)?s/);
      assert.equal((await bars(page, "cancelled")).length, 0);
    });
  },

  async a_run_that_waits_for_the_counters_can_be_cancelled() {
    await onPage(async (page) => {
      await counts(KIND, {}, async () => {
        await page.waitForFunction(() => document.querySelector("#rate").textContent !== "–");
        await page.evaluate(() => {
          // As with a server that never answers this.
          const { fetch } = globalThis;
          globalThis.fetch = (url, options) => url !== "/stats.json" ? fetch(url, options) : new Promise((_, reject) => {
            options.signal?.addEventListener("abort", () => reject(options.signal.reason));
          });
        });
        for (const way of ["sequential", "together"]) {
          await page.click(`#${way}`);
          await page.click("#cancel");
          assert.equal(await ended(page), "Cancelled before the first call was made.");
          await page.$eval("#said", (said) => (said.textContent = ""));
        }
      });
      // After a cancellation, too, the counters are waited for in vain, but not for long.
      await page.evaluate(() => {
        const { fetch } = globalThis;
        let isFirst = true;
        globalThis.fetch = (url, options) => {
          if (url !== "/stats.json" || !isFirst || options.signal === undefined) return fetch(url, options);
          isFirst = false;
          const none = { answered: 0, cancelled: 0 };
          const stats = { calls_started: { "GET /long_sync": 0 }, calls_ended: { "GET /long_sync": none } };
          return Promise.resolve(new Response(JSON.stringify(stats)));
        };
      });
      await plan(page, 2, 10_000);
      await page.click("#together");
      await untilInFlight(2);
      await page.click("#cancel");
      assert.match(await ended(page), /2 cancelled\.\s?The server's counters could not be read\.$/);
    });
  },

  async figures_are_the_servers_own() {
    await onPage(async (page) => {
      const figure = (id) => page.$eval(`#${id}`, (figure) => figure.textContent);
      const outcome = (name) => page.$$eval("#outcomes div", (pairs, name) =>
        pairs.map((pair) => [...pair.children].map((part) => part.textContent)).find(([term]) => term === name)?.[1], name);
      await page.waitForFunction(() => document.querySelector("#rate").textContent !== "–");
      const before = Number((await outcome("answered")).replace(",", ""));
      const calls = Array.from({ length: 3 }, () => fetch(`http://${addr}/long_sync?delay=2500ms`));
      await page.waitForFunction(() => document.querySelector("#in-flight").textContent === "3");
      await Promise.all(calls);
      await page.waitForFunction(() => document.querySelector("#in-flight").textContent === "0");
      assert.equal(Number((await outcome("answered")).replace(",", "")), before + 3);
      for (const id of ["p50", "p99"]) assert.match(await figure(id), /^[\d.]+(ns|us|ms)$/, id);
      await page.waitForFunction(() => document.querySelector("#rate").textContent === "0");
    });
  },

  async a_hidden_page_sends_no_requests() {
    await onPage(async (page) => {
      let asked = 0;
      page.on("request", (request) => (asked += request.url().endsWith("/stats.json")));
      const view = (isHidden) => page.evaluate((isHidden) => {
        Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }, isHidden);
      await page.waitForRequest((request) => request.url().endsWith("/stats.json"));
      await view(true);
      const before = asked;
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      assert.equal(asked, before);
      const next = page.waitForRequest((request) => request.url().endsWith("/stats.json"), { timeout: 5_000 });
      await view(false);
      await next;
    });
  },

  async while_calls_occupy_all_connections_the_page_says_so() {
    await onPage(async (page) => {
      await plan(page, 6, 4_000);
      await page.click("#together");
      await page.waitForFunction(() => document.querySelector("#stale").textContent.includes("occupy all connections"));
      await ended(page);
      await page.waitForFunction(() => document.querySelector("#stale").hidden);
    });
  },

  async the_page_says_if_the_server_does_not_answer() {
    await withServer([], async (address) => {
      await onPage(async (page) => {
        await page.setOfflineMode(true);
        await page.waitForFunction(() => document.querySelector("#stale").textContent.includes("does not answer"));
        await page.setOfflineMode(false);
        await page.waitForFunction(() => document.querySelector("#stale").hidden);
      }, { address, complaints: [/ERR_INTERNET_DISCONNECTED/] });
    });
  },

  async everything_can_be_done_with_the_keyboard() {
    await onPage(async (page) => {
      const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
      const press = async (key, expected) => {
        await page.keyboard.press(key);
        assert.equal(await focused(), expected);
      };
      await press("Tab", "calls");
      await page.keyboard.type("3");
      await press("Tab", "delay");
      await page.keyboard.type("1000");
      await press("Tab", "sequential");
      await press("Enter", "cancel");
      await untilInFlight(1);
      await page.keyboard.press("Enter");
      assert.match(await ended(page), /^3 calls, given up after/);
      assert.equal(await focused(), "sequential");
      await press("Tab", "together");
      // In a field, Enter makes all calls at once.
      await page.focus("#delay");
      await page.keyboard.down("Control");
      await page.keyboard.press("A");
      await page.keyboard.up("Control");
      await page.keyboard.type("500");
      await page.keyboard.press("Enter");
      assert.match(await ended(page), /^Waiting is not working: 3 calls of 500ms would take at least/);
    });
  },

  async invalid_input_is_refused_before_any_call_is_made() {
    await onPage(async (page) => {
      await counts(KIND, {}, async () => {
        for (const [calls, delay] of [[0, 100], [65, 100], ["", 100], [4, -1], [4, 10_001], [4, 1.5]]) {
          await plan(page, calls, delay);
          for (const way of ["sequential", "together"]) await page.click(`#${way}`);
          assert.equal(await page.$eval("#said", (said) => said.textContent), "", `${calls} calls of ${delay} ms`);
          assert.ok(await page.$eval("#race", (form) => !form.checkValidity()));
        }
      });
    });
  },

  async the_longest_delay_is_the_servers_limit() {
    await withServer(["--max-delay", "50ms", "--delay", "20ms"], async (address) => {
      await onPage(async (page) => {
        assert.equal(await page.$eval("#delay", (delay) => `${delay.value} of ${delay.max}`), "50 of 50");
        assert.match(await race(page, "sequential", 3), /^3 calls of 50ms took/);
        const commands = await page.$eval(".commands", (list) => list.textContent);
        assert.ok(commands.includes("?delay=50ms") && !commands.includes("250ms"), commands);
      }, { address });
    });
  },

  async with_a_fixed_behavior_no_delay_is_sent() {
    await withServer(["--fixed", "--behavior", "uniform(400ms, 500ms)", "--seed", "7"], async (address) => {
      await onPage(async (page) => {
        assert.ok(await page.$eval("#delay", (delay) => delay.disabled));
        assert.match(await race(page, "sequential", 3), /^3 calls of 4\d\dms on average took/);
        assert.match(await race(page, "together", 3), /^Waiting is not working: 3 calls of 4\d\dms on average/);
        const lead = await page.$eval(".lead", (lead) => lead.textContent);
        assert.match(lead, /takes uniform\(400ms, 500ms\)\. Its behavior is fixed: calls that specify one are refused\.$/);
        // The sentence about the browser's limit names no race, since there is none in the list.
        assert.match(await race(page, "together", 12), /Over HTTP\/2, one connection carries all calls\.$/);
        assert.ok(!(await page.$eval(".commands", (list) => list.textContent)).includes("race"));
      }, { address });
    });
  },

  async a_refusal_is_shown_in_the_servers_words() {
    await onPage(async (page) => {
      await page.$eval("#delay", (delay) => (delay.max = 1e9));
      const said = await race(page, "together", 2, 7_200_000);
      assert.match(said, /^2 of 2 calls failed\.\s?The first error: delay: a delay of 2h is over this server's limit/);
      assert.equal((await bars(page, "failed")).length, 2);
    }, { complaints: [/status of 400/] });
  },

  async a_command_is_copied_with_the_address_that_the_browser_used() {
    await onPage(async (page) => {
      const context = page.browserContext();
      await context.overridePermissions(`http://${addr}`, ["clipboard-read", "clipboard-write", "clipboard-sanitized-write"]);
      await page.click(".commands button");
      await page.waitForFunction(() => document.querySelector(".commands button").textContent === "Copied");
      const copied = await page.evaluate(() => navigator.clipboard.readText());
      assert.equal(copied, `curl 'http://${addr}/long_sync?delay=250ms'`);
    });
  },

  async without_motion_bars_are_drawn_when_calls_begin_and_end() {
    const drawn = async (features) => {
      let frames;
      await onPage(async (page) => {
        await page.evaluate(() => {
          globalThis.drawn = 0;
          new MutationObserver(() => (globalThis.drawn += 1)).observe(document.querySelector("#chart"), { childList: true });
        });
        await race(page, "sequential", 2, 500);
        frames = await page.evaluate(() => globalThis.drawn);
      }, { features });
      return frames;
    };
    const still = await drawn([["prefers-reduced-motion", "reduce"]]);
    assert.ok(still <= 8, `drawn ${still} times`);
    assert.ok((await drawn([])) > 20);
  },

  async without_javascript_the_page_still_shows_the_commands() {
    await onPage(async (page) => {
      const text = await page.$eval("main", (main) => main.innerText);
      assert.ok(text.includes("needs JavaScript") && text.includes(`curl 'http://${addr}/long_sync?delay=250ms'`), text);
      assert.ok(!text.includes("One after another"), text);
    }, { script: false });
  },

  async no_foreign_script_runs_and_no_foreign_host_is_reached() {
    await onPage(async (page, answer) => {
      assert.match(answer.headers()["content-security-policy"], /^default-src 'none'; connect-src 'self'; .*frame-ancestors 'none'$/);
      const ran = await page.evaluate(async () => {
        const script = document.createElement("script");
        script.textContent = "globalThis.foreign = true";
        document.body.append(script);
        const away = await fetch("http://127.0.0.2:9/").then(() => "fetched", (error) => error.name);
        return [globalThis.foreign ?? "refused", away];
      });
      assert.deepEqual(ran, ["refused", "TypeError"]);
    }, { complaints: [/Content Security Policy/] });
  },

  async axe_finds_no_violations_in_light_mode() {
    await looked("light");
  },

  async axe_finds_no_violations_in_dark_mode() {
    await looked("dark");
  },

  async nothing_is_too_wide_in_light_mode() {
    await pictures("light");
  },

  async nothing_is_too_wide_in_dark_mode() {
    await pictures("dark");
  },
};

await runCase(cases);
