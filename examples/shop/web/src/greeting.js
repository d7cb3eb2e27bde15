// Change this line, run `pulumi up`, and see just this service replaced.
export const greeting = "Welcome!";
