package upgrade

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
)

// relay makes one task after the other, until the end: its maker picks it up and hands it on, and who is offered it takes it and
// is done with it. Retries are left to the connection.
func (c *crowd) relay() {
	for n := 0; !c.over(); n++ {
		task, err := c.pass(fmt.Sprintf("Task %d", n))
		c.mu.Lock()
		if err == nil {
			c.passed = append(c.passed, task)
		} else {
			c.failed = append(c.failed, fmt.Sprintf("task %d: %v", n, err))
		}
		c.mu.Unlock()
	}
}

// pass takes a task from its making to its end.
func (c *crowd) pass(title string) (name string, err error) {
	tasks, handoffs := tasksv1.NewTaskServiceClient(c.tasks), tasksv1.NewHandoffServiceClient(c.tasks)
	var handoff string
	for _, step := range []func(poster, asked context.Context) error{
		func(poster, _ context.Context) error {
			made, err := tasks.CreateTask(poster, &tasksv1.CreateTaskRequest{
				Parent: c.workspace, Task: &tasksv1.Task{Project: c.project, Title: title}, RequestId: uuid.NewString(),
			})
			name = made.GetName()
			return err
		},
		func(poster, _ context.Context) error {
			_, err := tasks.ClaimTask(poster, &tasksv1.ClaimTaskRequest{Name: name, RequestId: uuid.NewString()})
			return err
		},
		func(poster, _ context.Context) error {
			made, err := handoffs.HandOff(poster, &tasksv1.HandOffRequest{
				Name: name, Recipient: c.askedName, Note: &tasksv1.HandoffNote{NextSteps: title}, RequestId: uuid.NewString(),
			})
			handoff = made.GetName()
			return err
		},
		func(_, asked context.Context) error {
			_, err := handoffs.AcceptHandoff(asked, &tasksv1.AcceptHandoffRequest{Name: handoff, RequestId: uuid.NewString()})
			return err
		},
		func(_, asked context.Context) error {
			_, err := tasks.UpdateTask(asked, &tasksv1.UpdateTaskRequest{
				Task: &tasksv1.Task{Name: name, State: "done"}, RequestId: uuid.NewString(),
			})
			return err
		},
	} {
		if err := c.step(step); err != nil {
			return "", err
		}
	}
	return name, nil
}

func (c *crowd) step(step func(poster, asked context.Context) error) error {
	poster, cancel := context.WithTimeout(c.signed, 10*time.Second)
	defer cancel()
	asked, cancelAsked := context.WithTimeout(c.signedAsked, 10*time.Second)
	defer cancelAsked()
	defer c.batons.Add(1)
	return step(poster, asked)
}

// requireBatons requires of every task that its baton was passed once: two legs, one offer that was taken, one event of each,
// one notification of each of the two.
func (c *crowd) requireBatons() {
	c.t.Helper()
	tasks := tasksv1.NewTaskServiceClient(c.tasks)
	there := map[string]string{}
	for token := ""; ; {
		page, err := tasks.ListTasks(c.signed, &tasksv1.ListTasksRequest{Parent: c.workspace, PageSize: 200, PageToken: token})
		require.NoError(c.t, err)
		for _, task := range page.GetTasks() {
			require.NotContains(c.t, there, task.GetTitle(), "made twice")
			there[task.GetTitle()] = task.GetName()
			require.Equal(c.t, tasksv1.WorkflowState_DONE, task.GetCategory(), task.GetTitle())
			require.Equal(c.t, c.askedName, task.GetHolder(), task.GetTitle())
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	require.Len(c.t, there, len(c.passed))
	c.requireOffers()
	for _, task := range c.passed {
		legs, err := tasks.ListLegs(c.signed, &tasksv1.ListLegsRequest{Parent: task})
		require.NoError(c.t, err)
		var holders []string
		for _, leg := range legs.GetLegs() {
			holders = append(holders, leg.GetHolder())
			require.NotNil(c.t, leg.GetEndTime(), task)
		}
		require.Equal(c.t, []string{c.posterName, c.askedName}, holders, task)
	}
	for _, filter := range []string{
		tasksv1.TaskCreatedSubject("*"), tasksv1.TaskClaimedSubject("*"), tasksv1.HandoffOfferedSubject("*"),
		tasksv1.HandoffAcceptedSubject("*"), tasksv1.TaskCompletedSubject("*"),
	} {
		c.requireEvents(filter, len(c.passed))
	}
	c.requireTold(c.asked, "OFFERED", len(c.passed))
	c.requireTold(c.token, "ACCEPTED", len(c.passed))
}

// requireOffers requires one offer of each task, which was taken.
func (c *crowd) requireOffers() {
	c.t.Helper()
	offered := map[string]bool{}
	for token := ""; ; {
		page, err := tasksv1.NewHandoffServiceClient(c.tasks).ListHandoffs(c.signed, &tasksv1.ListHandoffsRequest{
			Parent: c.workspace, PageSize: 200, PageToken: token,
		})
		require.NoError(c.t, err)
		for _, offer := range page.GetHandoffs() {
			require.False(c.t, offered[offer.GetTask()], "offered twice: %s", offer.GetTask())
			require.Equal(c.t, tasksv1.Handoff_ACCEPTED, offer.GetState())
			offered[offer.GetTask()] = true
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	require.Len(c.t, offered, len(c.passed))
}
