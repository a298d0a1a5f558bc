// What every page needs: its style, live updates, and forms that cannot be sent twice.
import "./pages.css";
import "./leader.css";
import "./orders.css";
import { bridgeGaps } from "./bridge";
import { keepFresh } from "./live";
import { guardForms } from "./forms";
import { offerPlace } from "./nearness";

keepFresh();
guardForms();
bridgeGaps();
offerPlace();
for (const button of document.querySelectorAll("[data-print]")) button.addEventListener("click", () => window.print());
