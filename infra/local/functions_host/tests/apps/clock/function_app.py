"""A sample app with timers."""

import logging
import os

import azure.functions as func

app = func.FunctionApp()


@app.timer_trigger(schedule="%NIGHTLY%", arg_name="timer")
async def nightly(timer: func.TimerRequest) -> None:
    logging.info("nightly", extra={"past_due": timer.past_due, "last": timer.schedule_status["Last"]})


@app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="timer", run_on_startup=True)
def startup(timer: func.TimerRequest) -> None:
    logging.info("startup", extra={"pid": os.getpid()})


@app.timer_trigger(schedule="* * * * * *", arg_name="timer")
def ticks(timer: func.TimerRequest) -> None:
    logging.info("ticks")
