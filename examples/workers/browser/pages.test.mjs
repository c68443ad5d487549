import { test } from "node:test";

const { base, picture, withPage } = await import(process.env.BROWSER);

test("jobs run to their end on the page", () =>
  withPage(async (page) => {
    await page.goto(base);
    await page.getByText("Process an image").click();
    const row = page.locator("tbody tr").first();
    await row.locator("td.processing").waitFor();
    await page.getByText("Send five mails").click();
    await page.getByText("Write a report").click();
    await row.locator("td.completed").waitFor();
    await picture(page, "page");
    for (const [type, progress] of [["image-processing", "4 of 4"], ["email", "5 of 5"], ["report-generation", "5 of 5"]]) {
      const job = page.locator("tbody tr", { hasText: type });
      await job.locator("td.completed").waitFor();
      await job.getByText(progress).waitFor();
    }
    // The list is what the service knows, not what the page remembers.
    await page.reload();
    await page.locator("tbody tr", { hasText: "completed" }).nth(2).waitFor();
  }));

test("Swagger UI shows the operations", () =>
  withPage(async (page) => {
    await page.goto(`${base}/docs/`);
    await page.getByText("/api/v1/payments/{id}").first().waitFor();
    await page.getByText("hand over for certain").first().waitFor();
  }));
