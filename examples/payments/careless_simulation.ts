/** The same day with the careless application: it does not end well. */
import { carelessApp } from "./careless_app.ts";
import { payments } from "./simulation.ts";

export default { ...payments, app: carelessApp };
