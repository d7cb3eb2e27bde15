import { greeting } from "./greeting.js";

const shop = "__SHOP_NAME__"; // build.js fills it in

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** The page, from what the api says. */
export function renderPage({ visits, voucher, discount, currency }) {
  return `<!doctype html>
<html lang="en">
<title>${escape(shop)}</title>
<h1>${escape(shop)}</h1>
<p id="greeting">${escape(greeting)}</p>
<p>You are visitor <b id="visits">${escape(visits)}</b>.
Voucher <b id="voucher">${escape(voucher)}</b>: <span id="discount">${escape(discount)} % off, in ${escape(currency)}</span>.</p>
</html>
`;
}
