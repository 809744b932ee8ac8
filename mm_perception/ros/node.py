"""The one node class: a lifecycle node that hosts any plugin."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from concurrent.futures import Future as DoneFuture
from dataclasses import fields
from functools import partial
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockChange, ClockType, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.task import Future
from std_msgs.msg import Float64MultiArray

from mm_perception.channel import Bus, Subscription
from mm_perception.config import build_config, parameter_specs, replace_live
from mm_perception.device import resolve_device
from mm_perception.errors import ConfigError, InferenceError, MmPerceptionError
from mm_perception.faults import Level, Outcome, fault_of
from mm_perception.graph import NodeParameters, NodeSpec
from mm_perception.plugin import Request
from mm_perception.ros import convert
from mm_perception.ros.diagnostics import TIMING, status_of, timing_of
from mm_perception.ros.params import accept, declare, plain, refuse
from mm_perception.ros.prompt_replies import PromptReplies
from mm_perception.ros.tf_listener import TfListener
from mm_perception.ros.track_action import TrackAction, is_trackable
from mm_perception.ros.transport import RosTransport
from mm_perception.ros.wire import message_class
from mm_perception.runner import Runner, Wiring
from mm_perception.samples import Prompt, Sample

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
_NODE_FIELDS = tuple(f.name for f in fields(NodeParameters))


class PluginNode(LifecycleNode):
    """Hosts one plugin.

    Args:
        spec: Name, plugin, topics, parameters; inputs are resolved.
        bus: Channels of this process, shared with the other nodes of the container.
        transport: What connects the bus to ROS.
        tf: Transforms of this process.
        options: Further arguments of rclpy's Node, such as `context` or `namespace`.
    """

    def __init__(
        self,
        spec: NodeSpec,
        bus: Bus,
        transport: RosTransport,
        tf: TfListener,
        **options: Any,
    ) -> None:
        super().__init__(spec.name, **options)
        self._spec, self._bus, self._transport, self._tf = spec, bus, transport, tf
        #: Topic after remapping to the full name in the stack; see `name_for`.
        self.asked_as: dict[str, str] = {}
        self._plugin_class = spec.plugin_class()
        self._runner: Runner | None = None
        self._device = ''
        self._connections: list[tuple[Subscription, list[Any]]] = []
        self._request_services: list[Any] = []
        self._track: TrackAction | None = None
        self._replies: PromptReplies | None = None
        self._last_problem = ''
        self._wants_deactivation = False
        specs = [
            *parameter_specs(self._plugin_class.Config).values(),
            *parameter_specs(NodeParameters).values(),
        ]
        self._names = {s.name for s in specs}
        values = declare(self, specs, spec.parameters)
        build_config(self._plugin_class.Config, self._plugin_values(values))
        self.add_on_set_parameters_callback(self._on_parameters)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._timing = self.create_publisher(Float64MultiArray, TIMING, 10)
        self.create_timer(
            values['diagnostics_period_s'], self._publish_diagnostics,
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )  # fmt: skip
        threshold = JumpThreshold(
            min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=True
        )
        self._jumps = self.get_clock().create_jump_callback(threshold, post_callback=self._on_jump)

    @property
    def runner(self) -> Runner | None:
        """What runs the plugin; None while unconfigured."""
        return self._runner

    @property
    def state_name(self) -> str:
        """Lifecycle state, such as 'active'."""
        return str(self._state_machine.current_state[1])

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read parameters, choose the device, load the weights."""
        try:
            self._configure()
        except Exception as error:  # noqa: BLE001 - rclpy would swallow it; a failed load is FAILURE
            self._explain(error, 'configure')
            self._forget()
            return FAILURE
        self._last_problem = ''
        return SUCCESS

    def _configure(self) -> None:
        values = self._values()
        config = build_config(self._plugin_class.Config, self._plugin_values(values))
        own = build_config(NodeParameters, {k: values[k] for k in _NODE_FIELDS})
        device = resolve_device(own.device)
        runner = Runner(
            self.get_name(), self._plugin_class, config, self._bus, self._full_wiring(),
            now_ns=lambda: self.get_clock().now().nanoseconds,
            max_age_s=own.max_age_s,
            works_unheard=own.works_unheard,
            lookup_transform=self._tf.lookup,
        )  # fmt: skip
        runner.on_failure = self._log_failure
        runner.on_give_up = self._request_deactivation
        runner.load(device)
        self._runner, self._device = runner, device
        for port, kind in self._plugin_class.inputs.items():
            if isinstance(kind, Request):
                self._request_services.append(self._offer(port, kind))
        if is_trackable(self._plugin_class):
            self._track = TrackAction(self, runner, self._bus, lambda: self.state_name == 'active')
            self._replies = PromptReplies(self, runner, self._bus)
        facts = ', '.join(f'{k} {v}' for k, v in runner.plugin.model_info().items())
        self.get_logger().info(
            f'{self._spec.plugin} on {device}' + (f': {facts}' if facts else '')
        )

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe and publish, then let frames in."""
        try:
            is_connected = self._runner is not None and self._connect(self._runner, state)
        except Exception as error:  # noqa: BLE001 - rclpy would swallow it
            self._explain(error, 'activate')
            self._disconnect()
            return FAILURE
        self._last_problem = ''
        return SUCCESS if is_connected else FAILURE

    def _connect(self, runner: Runner, state: LifecycleState) -> bool:
        for port, streams in runner.wiring.outputs.items():
            for topic in streams.values():
                output = self._plugin_class.outputs[port]
                self._connections.append(
                    self._transport.publish(self, topic, output, self._report)
                )
        runner.activate()
        for port, streams in runner.wiring.inputs.items():
            for topic in streams.values():
                kind = self._plugin_class.inputs[port]
                self._transport.listen(self, topic, kind, self._report)
        return bool(super().on_activate(state) == SUCCESS)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let no frame in, wait for the one under way; the weights stay loaded."""
        self._disconnect()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give the memory back."""
        self._forget()
        return SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and give the memory back."""
        self._disconnect()
        self._forget()
        return SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to unconfigured, whatever happened."""
        self._disconnect()
        self._forget()
        return SUCCESS

    def do_requested(self) -> None:
        """Deactivate if the worker asked for it; called in the executor's thread."""
        for waiter in (self._track, self._replies):
            if waiter is not None:
                waiter.look()
        is_wanted, self._wants_deactivation = self._wants_deactivation, False
        if is_wanted and self.state_name == 'active':
            self.get_logger().error('going to inactive: every further input would fail too')
            self.trigger_deactivate()

    def destroy_node(self) -> None:
        """Stop the worker before the handles go."""
        self._disconnect()
        self._forget()
        self._jumps.unregister()
        super().destroy_node()

    def _values(self) -> dict[str, Any]:
        return {
            name: parameter.value
            for name in self._names
            if (parameter := self.get_parameter(name)) is not None
        }

    def _plugin_values(self, values: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in values.items() if k not in _NODE_FIELDS}

    def _full_wiring(self) -> Wiring:
        """Topics with namespace and remaps applied; unnamed inputs get `~/input/<port>`."""
        wiring = self._spec.wiring()
        inputs = {port: dict(streams) for port, streams in wiring.inputs.items()}
        for port, kind in self._plugin_class.inputs.items():
            if not isinstance(kind, Request) and port not in inputs:
                inputs[port] = {'': f'~/input/{port}'}
        return Wiring(self._resolved(inputs), self._resolved(wiring.outputs))

    def _resolved(self, ports: Any) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {port: {} for port in ports}
        for port, streams in ports.items():
            for stream, topic in streams.items():
                full = found[port][stream] = self.resolve_topic_name(topic)
                self.asked_as[full] = self.resolve_topic_name(topic, only_expand=True)
        return found

    def _offer(self, port: str, kind: Request) -> Any:
        service_class = message_class(convert.service_of(kind.sample_type))
        callback = partial(self._on_request, port, kind)
        return self.create_service(service_class, f'~/{port}', callback)

    async def _on_request(self, port: str, kind: Request, request: Any, response: Any) -> Any:
        """Wait for the worker's answer without blocking the executor; always answer something."""
        try:
            return convert.fill_response(await self._reply(port, kind, request), response)
        except MmPerceptionError as error:
            return convert.fill_response(error, response)
        except Exception as error:  # noqa: BLE001 - without a response the client waits for ever
            self.get_logger().error(f'~/{port} failed:\n{traceback.format_exc()}')
            return convert.fill_response(InferenceError(self._spec.plugin, 0, error), response)

    async def _reply(self, port: str, kind: Request, request: Any) -> Any:
        runner = self._runner
        if runner is None:
            raise ConfigError('state', self.state_name, 'active')
        question = convert.request_from_ros(request, kind.sample_type)
        if isinstance(question, Prompt) and self._replies is not None:
            return await self._prompt_reply(self._replies, runner, port, question)
        return await self._asked(runner, port, question)

    async def _prompt_reply(
        self, replies: PromptReplies, runner: Runner, port: str, prompt: Prompt
    ) -> Any:
        """The plugin takes it at once; the reply is what the first picture says to it."""
        waiting = replies.expect(prompt)
        try:
            reply = await self._asked(runner, port, prompt)
            if not isinstance(reply, BaseException):
                reply = await waiting.reply
        finally:
            replies.forget(waiting)
        return reply

    async def _asked(self, runner: Runner, port: str, question: Sample) -> Any:
        """The reply of the plugin, or the error in its place."""
        answered: Future[Any] = Future(executor=self.executor)
        runner.ask(port, question).add_done_callback(
            lambda done: answered.set_result(_result_of(done))
        )
        return await answered

    def _on_parameters(self, parameters: Iterable[Parameter]) -> SetParametersResult:
        changes = plain(parameters)
        if not changes or self._runner is None:
            return self._check_unconfigured(changes)
        own = {k: v for k, v in changes.items() if k in _NODE_FIELDS}
        rest = {k: v for k, v in changes.items() if k not in _NODE_FIELDS}
        try:
            values = self._values()
            config = build_config(self._plugin_class.Config, self._plugin_values(values))
            node = build_config(NodeParameters, {k: values[k] for k in _NODE_FIELDS})
            config, node = replace_live(config, rest), replace_live(node, own)
        except MmPerceptionError as error:
            return refuse(error)
        if rest:
            self._runner.reconfigure(config)
        self._runner.max_age_s = node.max_age_s
        self._runner.works_unheard = node.works_unheard
        return accept()

    def _check_unconfigured(self, changes: dict[str, Any]) -> SetParametersResult:
        """Before configure everything may change, if it is legal."""
        values = {**{n: self.get_parameter(n).value for n in self._names}, **changes}
        try:
            build_config(self._plugin_class.Config, self._plugin_values(values))
            build_config(NodeParameters, {k: values[k] for k in _NODE_FIELDS})
        except MmPerceptionError as error:
            return refuse(error)
        return accept()

    def _on_jump(self, jump: TimeJump) -> None:
        """Simulated time went back or another clock took over: forget what was seen."""
        changed = jump.clock_change in (
            ClockChange.ROS_TIME_ACTIVATED, ClockChange.ROS_TIME_DEACTIVATED,
        )  # fmt: skip
        if self._runner is not None and (changed or jump.delta.nanoseconds < 0):
            self._runner.rewind()
            self._tf.clear()

    def _report(self, error: BaseException) -> None:
        """A message that cannot be converted counts like a failure of the plugin."""
        if self._runner is not None:
            self._runner.stats.failed(error)
        self._log_failure(error)

    def _log_failure(self, error: BaseException) -> None:
        logger = self.get_logger()
        fault = fault_of(error)
        text = f'{type(error).__name__}: {error}'
        if fault.outcome is Outcome.DEACTIVATE:
            logger.fatal(text)
        elif fault.level is Level.WARN:
            logger.warning(text, throttle_duration_sec=2.0)
        else:
            logger.error(text, throttle_duration_sec=2.0)

    def _request_deactivation(self) -> None:
        self._wants_deactivation = True

    def _explain(self, error: BaseException, what: str) -> None:
        self._last_problem = f'{type(error).__name__}: {error}'
        if isinstance(error, MmPerceptionError):
            self.get_logger().fatal(f'cannot {what}: {self._last_problem}')
        else:
            self.get_logger().fatal(f'cannot {what}:\n{traceback.format_exc()}')

    def _disconnect(self) -> None:
        self._transport.leave(self)
        if self._runner is not None:
            self._runner.deactivate()
        for waiter in (self._track, self._replies):
            if waiter is not None:
                waiter.stop()
        for subscription, publishers in self._connections:
            subscription.close()
            for publisher in publishers:
                self.destroy_publisher(publisher)
        self._connections.clear()

    def _forget(self) -> None:
        for waiter in (self._track, self._replies):
            if waiter is not None:
                waiter.close()
        self._track = self._replies = None
        for service in self._request_services:
            self.destroy_service(service)
        self._request_services.clear()
        runner, self._runner = self._runner, None
        if runner is not None:
            try:
                runner.close()
            except Exception as error:  # noqa: BLE001 - else rclpy finalizes the node for good
                self._explain(error, 'give everything back')

    def _publish_diagnostics(self) -> None:
        facts = {'plugin': self._spec.plugin, 'device': self._device}
        facts['device_asked'] = str(self.get_parameter('device').value)
        facts['tf_failures'] = str(self._tf.failures)
        if self._last_problem:
            facts['last_problem'] = self._last_problem
        status = status_of(
            self.get_fully_qualified_name(), self._device, self.state_name, self._runner, facts,
            self.count_publishers,
        )  # fmt: skip
        if self._last_problem:
            status.level, status.message = bytes([Level.ERROR]), self._last_problem
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)
        if self._runner is not None:
            self._timing.publish(timing_of(self._runner))


def _result_of(done: DoneFuture[Any]) -> Any:
    error = done.exception()
    return done.result() if error is None else error
